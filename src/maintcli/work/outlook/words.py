"""Lengths of time and amounts of bytes in words."""

_SPANS = ((86400, "d"), (3600, "h"), (60, "min"))
_SIZES = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def span(seconds: float) -> str:
    """A length of time in its largest unit that fits twice: `90 s`, `45 min`, `3 d`."""
    for size, unit in _SPANS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def size(count: int) -> str:
    """Bytes in their largest unit that fits: `512 B`, `1.5 MiB`."""
    for factor, unit in _SIZES:
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} B"
