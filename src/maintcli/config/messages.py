"""How values and names stand in messages: short, printable, never a secret; and "did you mean"."""

from collections.abc import Collection
from typing import Final

from maintcli.words import some

MASK: Final = "***"
_LONGEST: Final = 48  # characters of a value
_MOST_NAMES: Final = 12
_LEAST_LETTERS: Final = 3  # a shorter word may mean anything


def quote(value: object) -> str:
    """`value` in quotes for a message: control characters escaped, cut short, secrets masked."""
    return shown(mask(str(value)))


def shown(text: str) -> str:
    """The same for `text` that is known to hold no secret."""
    text = printable(text)
    return f"'{text[:_LONGEST]}…'" if len(text) > _LONGEST else f"'{text}'"


def bare(name: str) -> str:
    """A name from a file, for a message: quoted only where it is not a plain word."""
    plain = name.replace("-", "").replace("_", "").isalnum() and name.isascii()
    return name if plain and len(name) <= _LONGEST else quote(name)


def sentence(text: str) -> str:
    """`text` with a full stop, unless it ends a sentence already."""
    return text if text.endswith((".", "?")) else f"{text}."


def mask(text: str) -> str:
    """`text`, or *** where it looks as if it carried a password (a URL with a user, a conninfo)."""
    carries = (":" in text and "@" in text) or "password=" in text.lower().replace(" ", "")
    return MASK if carries else text


def word(text: object) -> str:
    """`text` as one word of a command that is to be pasted into a shell."""
    import shlex

    return shlex.quote(printable(str(text)))


def printable(text: str) -> str:
    """`text` with each character that would move the cursor written as an escape."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def closest(word: str, known: Collection[str], *, cutoff: float = 0.6) -> str | None:
    """The one of `known` most like `word`, or None."""
    from difflib import get_close_matches

    if len(word) < _LEAST_LETTERS:
        return None
    plain = {_folded(name): name for name in known}
    found = get_close_matches(_folded(word), plain, n=1, cutoff=cutoff)
    return plain[found[0]] if found else None


def hint(word: str, known: Collection[str]) -> str:
    """What to do about an unknown `word`, as the end of a sentence: `did you mean …?`."""
    near = closest(word, known)
    if near is not None:
        return f"did you mean {bare(near)}?"
    if not known:
        return "none is known here, so remove it."
    names = [bare(name) for name in sorted(known)]
    return f"known: {some(names, _MOST_NAMES)}."


def _folded(name: str) -> str:
    return name.lower().replace("_", "-")
