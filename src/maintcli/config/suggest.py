"""Did you mean …?"""

from collections.abc import Collection
from typing import Final

from maintcli.config.say import bare

_MOST: Final = 12
_LEAST: Final = 3  # letters; a shorter word may mean anything


def closest(word: str, known: Collection[str], *, cutoff: float = 0.6) -> str | None:
    """The one of `known` most like `word`, or None."""
    from difflib import get_close_matches

    if len(word) < _LEAST:
        return None
    plain = {_plain(name): name for name in known}
    found = get_close_matches(_plain(word), plain, n=1, cutoff=cutoff)
    return plain[found[0]] if found else None


def hint(word: str, known: Collection[str]) -> str:
    """What to do about an unknown `word`, as the end of a sentence: `did you mean …?`."""
    near = closest(word, known)
    if near is not None:
        return f"did you mean {bare(near)}?"
    if not known:
        return "none is known here, so remove it."
    names = [bare(name) for name in sorted(known)]
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f"known: {', '.join(names[:_MOST])}{more}."


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")
