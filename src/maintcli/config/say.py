"""How a value stands in a message: short, printable, and never a secret."""

from typing import Final

MASK: Final = "***"
_LONGEST: Final = 48


def quote(value: object) -> str:
    """`value` in quotes for a message: control characters escaped, cut short, secrets masked."""
    return shown(mask(str(value)))


def shown(text: str) -> str:
    """The same of what is known to hold no secret."""
    text = printable(text)
    return f"'{text[:_LONGEST]}…'" if len(text) > _LONGEST else f"'{text}'"


def bare(name: str) -> str:
    """A name from a file as it may stand in a message: quoted only when it is no plain word."""
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
