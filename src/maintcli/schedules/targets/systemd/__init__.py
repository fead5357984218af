"""systemd: a service and a timer for each entry."""

from maintcli.schedules.targets.systemd.units import render

__all__ = ["render"]
