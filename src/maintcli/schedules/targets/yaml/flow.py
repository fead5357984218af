"""What stands on one line of YAML: a plain or quoted text, a list in brackets, keys in braces."""

import json
import re
from typing import Final

_SPACE: Final = re.compile(r"\s*")
_DOUBLE: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_SINGLE: Final = re.compile(r"'(?:[^']|'')*'")
_INDICATORS: Final = "&*!|>%@`,]}#"
_PLAIN_INSIDE: Final = re.compile(r"(?:[^,\[\]{}:#]|:(?![\s,\]}])|(?<!\s)#)+")
_PLAIN: Final = re.compile(r"(?:[^#:]|(?<!\s)#|:(?!\s|$))+")
_COMMENT: Final = re.compile(r"\s*(?:#.*)?$")
_DEEPEST: Final = 50


def inline(text: str) -> object:
    """The value that `text` stands for: str, list or dict. Raises ValueError for anything else."""
    value, end = _value(text, 0, _PLAIN, 0)
    if not _COMMENT.fullmatch(text, end):
        raise ValueError(f"{text[end:].strip()[:40]!r} is not understood")
    return value


def _value(text: str, at: int, plain: re.Pattern[str], depth: int) -> tuple[object, int]:
    if depth > _DEEPEST:
        raise ValueError("it is nested too deeply")
    at = _skip(text, at)
    if text[at : at + 1] == "[":
        return _list(text, at + 1, depth + 1)
    if text[at : at + 1] == "{":
        return _map(text, at + 1, depth + 1)
    return _text(text, at, plain)


def _text(text: str, at: int, plain: re.Pattern[str]) -> tuple[str, int]:
    first = text[at : at + 1]
    pattern = {'"': _DOUBLE, "'": _SINGLE}.get(first, plain)
    found = None if first in _INDICATORS or text.startswith("? ", at) else pattern.match(text, at)
    if found is None:
        raise ValueError(f"{text[at:][:40]!r} is not understood")
    if pattern is _SINGLE:
        return found[0][1:-1].replace("''", "'"), found.end()
    if pattern is _DOUBLE:
        return str(json.loads(found[0])), found.end()
    return found[0].strip(), found.end()


def _list(text: str, at: int, depth: int) -> tuple[list[object], int]:
    found: list[object] = []
    while not text.startswith("]", at := _skip(text, at)):
        value, at = _value(text, at, _PLAIN_INSIDE, depth)
        found.append(value)
        at = _after(text, at, "]")
    return found, at + 1


def _map(text: str, at: int, depth: int) -> tuple[dict[str, object], int]:
    found: dict[str, object] = {}
    while not text.startswith("}", at := _skip(text, at)):
        key, at = _text(text, at, _PLAIN_INSIDE)
        at = _skip(text, at)
        if not text.startswith(":", at):
            raise ValueError(f"{key!r} has no value")
        found[key], at = _value(text, at + 1, _PLAIN_INSIDE, depth)
        at = _after(text, at, "}")
    return found, at + 1


def _after(text: str, at: int, end: str) -> int:
    at = _skip(text, at)
    if text.startswith(",", at):
        return at + 1
    if text.startswith(end, at):
        return at
    raise ValueError(f"a {end} is missing")


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
