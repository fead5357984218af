"""Throttles: reasons to pause a sweep, because others need what it takes."""

from maintcli.work.throttle.throttle import Throttle

__all__ = ["Throttle"]
