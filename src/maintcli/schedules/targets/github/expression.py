"""Texts in GitHub's expression language, `${{ … }}`."""

from typing import Final

_OPEN: Final = "${{"
_ESCAPED: Final = "${{ '${{' }}"


def escaped(text: str) -> str:
    """`text` in which GitHub finds no expression of its own."""
    return text.replace(_OPEN, _ESCAPED)


def unescaped(text: str) -> str:
    """What `escaped` was given."""
    return text.replace(_ESCAPED, _OPEN)


def literal(text: str) -> str:
    """`text` as a constant within an expression."""
    return "'" + text.replace("'", "''") + "'"


def constant(written: str) -> str:
    """What stands between the quotes of a literal."""
    return written.replace("''", "'")
