"""Times in words."""

from datetime import UTC, datetime

from maintcli.words import span, took

__all__ = ["ago", "ahead", "span", "stamp", "took"]


def ago(when: datetime | None, now: datetime) -> str:
    """`3 min ago`, or `never`."""
    if when is None:
        return "never"
    return f"{span(max(0.0, (now - when).total_seconds()))} ago"


def ahead(when: datetime | None, now: datetime) -> str:
    """`in 4 min (14:05)`, in UTC and with the day where it is not today; blank for never."""
    if when is None:
        return ""
    clock = f"{when:%H:%M}" if when.date() == now.date() else f"{when:%a %d %b %H:%M}"
    return f"in {span(max(0.0, (when - now).total_seconds()))} ({clock})"


def stamp(when: datetime | None) -> str:
    """A time to the second, in UTC."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if when else ""
