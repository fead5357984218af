"""Throttles: reasons to pause a sweep, because others need what it takes."""

from maintcli.engines.base.throttle.throttle import Throttle

__all__ = ["Throttle"]
