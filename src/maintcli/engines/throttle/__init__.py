"""Throttles: reasons to pause a sweep, because others need what it takes."""

from maintcli.engines.throttle.throttle import Throttle

__all__ = ["Throttle"]
