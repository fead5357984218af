"""The part of YAML that manifests are written in, read without a YAML library.

Keys, lists, texts plain or quoted, literal blocks, comments, one line in brackets or braces. What
is left (anchors, tags, folded texts) is refused by its line, and never guessed at. Every scalar is
text.
"""

import re
from typing import Final

from maintcli.schedules.targets.yaml.flow import inline

_KEY: Final = re.compile(
    r"""("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'"""
    r"""|(?!\?\s)[^\s"'#\[\]{}&*!|>%@`](?:[^:#]|:(?=\S)|(?<=\S)#)*?)\s*:(?=\s|$)"""
)
_LITERAL: Final = re.compile(r"\|[+-]?\s*(?:#.*)?")
_SEPARATOR: Final = re.compile(r"---\s*(?:#.*)?")
_DEEPEST: Final = 50


def documents(text: str) -> list[object]:
    """Each document of `text`. Raises ValueError with the number of the line."""
    found: list[object] = []
    lines = text.splitlines()
    starts = [n for n, line in enumerate(lines) if _SEPARATOR.fullmatch(line)]
    for begin, end in zip([0, *(n + 1 for n in starts)], [*starts, len(lines)], strict=True):
        reader = _Reader(lines[:end], begin)
        if reader.indent() is not None:
            found.append(reader.document())
    return found


class _Reader:
    """Reads the lines from number `at` on."""

    def __init__(self, lines: list[str], at: int) -> None:
        self.lines = lines
        self.at = at

    def document(self) -> object:
        """All of it."""
        try:
            value = self.block(0)
            if self.indent() is not None:
                raise ValueError("it is indented otherwise than what is above")  # noqa: TRY301
        except ValueError as error:
            raise ValueError(f"line {min(self.at + 1, len(self.lines))}: {error}") from None
        return value

    def indent(self) -> int | None:
        """The indent of the next line that says something; None at the end."""
        while self.at < len(self.lines):
            text = self.lines[self.at].lstrip(" ")
            if text and not text.startswith("#"):
                return len(self.lines[self.at]) - len(text)
            self.at += 1
        return None

    def block(self, depth: int) -> object:
        """The value that begins on the next line."""
        if depth > _DEEPEST:
            raise ValueError("it is nested too deeply")
        indent = self.indent() or 0
        text = self.lines[self.at][indent:]
        if _is_item(text):
            return self.sequence(indent, depth + 1)
        if _KEY.match(text):
            return self.mapping(indent, depth + 1)
        value = inline(text)
        self.at += 1
        return value

    def sequence(self, indent: int, depth: int) -> list[object]:
        """Items whose dashes stand in the column `indent`."""
        found: list[object] = []
        while self.indent() == indent and _is_item(self.lines[self.at][indent:]):
            rest = self.lines[self.at][indent + 1 :]
            # The item's own first line, with a blank for its dash.
            self.lines[self.at] = " " * (indent + 1) + rest
            inner = self.indent()
            found.append(self.block(depth) if inner is not None and inner > indent else "")
        return found

    def mapping(self, indent: int, depth: int) -> dict[str, object]:
        """Keys that stand in the column `indent`."""
        found: dict[str, object] = {}
        while self.indent() == indent:
            text = self.lines[self.at][indent:]
            key = _KEY.match(text)
            if key is None:
                raise ValueError(f"{text[:40]!r} is no key")
            found[str(inline(key[1]))] = self.value(text[key.end() :].strip(), indent, depth)
        return found

    def value(self, rest: str, indent: int, depth: int) -> object:
        """What belongs to a key: the rest of its line, or what is below."""
        if rest and not rest.startswith("#"):
            if _LITERAL.fullmatch(rest):
                return self.literal(indent)
            value = inline(rest)
            self.at += 1
            return value
        self.at += 1
        inner = self.indent()
        if inner is None or inner < indent:
            return ""
        if inner == indent and not _is_item(self.lines[self.at][indent:]):
            return ""
        return self.block(depth)

    def literal(self, indent: int) -> str:
        """The lines below that are indented more."""
        self.at += 1
        begin = self.at
        while self.at < len(self.lines) and (
            not self.lines[self.at].strip()
            or len(self.lines[self.at]) - len(self.lines[self.at].lstrip(" ")) > indent
        ):
            self.at += 1
        return "\n".join(line.strip() for line in self.lines[begin : self.at])


def _is_item(text: str) -> bool:
    return text == "-" or text.startswith("- ")
