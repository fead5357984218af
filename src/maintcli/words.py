"""Times, durations, sizes, numbers and lists as people read them."""

from collections.abc import Sequence
from datetime import UTC, datetime

_SPANS = ((86400, "d"), (3600, "h"), (60, "min"))
_MINUTES_FROM = 120
_SIZES = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def span(seconds: float) -> str:
    """A length of time in its largest unit that fits twice: `90 s`, `45 min`, `3 d`."""
    for size, unit in _SPANS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def took(milliseconds: int | None) -> str:
    """How long something took; blank where that is not known."""
    if milliseconds is None:
        return ""
    seconds = milliseconds / 1000
    if seconds < 1:
        return f"{milliseconds} ms"
    return f"{seconds:.1f} s" if seconds < _MINUTES_FROM else span(seconds)


def many(count: int, what: str = "row") -> str:
    """A number of things, of which one is called `what`: `1 row`, `2,000 rows`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def some(names: Sequence[str], most: int, *, by: str = ", ") -> str:
    """The first `most` names, and how many more there are: `a, b and 3 more`."""
    rest = len(names) - most
    return by.join(names[:most]) + (f" and {rest:,} more" if rest > 0 else "")


def size(count: int) -> str:
    """Bytes in their largest unit that fits: `512 B`, `1.5 MiB`."""
    for factor, unit in _SIZES:
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} B"


def moment(when: datetime) -> str:
    """A time as JSON and people read it."""
    return when.isoformat(timespec="microseconds").replace("+00:00", "Z")


def paused(since: datetime, by: str | None, why: str | None, until: datetime | None) -> str:
    """A pause: `since 2026-02-16 10:00 UTC by ann@host until 2026-02-17 00:00 UTC: migration`."""
    parts = [f"since {since.astimezone(UTC):%Y-%m-%d %H:%M} UTC"]
    parts += [f"by {by}"] if by else []
    parts += [f"until {until.astimezone(UTC):%Y-%m-%d %H:%M} UTC"] if until else []
    return " ".join(parts) + (f": {why}" if why else "")
