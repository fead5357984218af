"""The text of rendered files: header, comments, names of variables, scalars of YAML."""

import json
import re
from collections.abc import Iterable
from itertools import takewhile
from textwrap import fill
from typing import Final

from maintcli.schedules.model import DATABASE_URL, Entry, Note

KEPT: Final = "## kept below"  # the comments of what is rendered begin with a single #
_WIDTH: Final = 100
_HEADER: Final = re.compile(
    r"# (\S+): rendered from maint\.toml: maint schedule render --target (\S+)"
)
_PLAIN: Final = re.compile(r"-{0,2}[A-Za-z/][A-Za-z0-9_./@=-]*(?::[A-Za-z0-9_./@=-]+)*")
_WORDS: Final = {"true", "false", "yes", "no", "on", "off", "y", "n", "null"}
_WIDEST_LIST: Final = 88
# JSON is YAML but for these: not printable in YAML, or ends of a line there.
_UNPRINTABLE: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def header(path: str, target: str) -> str:
    """A comment for the file at `path` below the folder of `target`."""
    return f"# {path}: rendered from maint.toml: maint schedule render --target {target}"


def path_of(target: str, text: str) -> str | None:
    """The path in the header of a file that was rendered for `target`; None for any other file.

    The header is among the comments at the top: the user may have added a line above it.
    """
    comments = takewhile(lambda line: not line or line.startswith("#"), text.splitlines())
    found = (match for line in comments if (match := _HEADER.fullmatch(line)))
    return next((match[1] for match in found if match[2] == target), None)


def is_ours(path: str, target: str, text: str) -> bool:
    """Whether `text` is the file rendered to `path`; a copy under another name is not."""
    return path_of(target, text) == path


def split(text: str) -> tuple[str, str]:
    """The rendered part, and what follows from the line `## kept below` on."""
    lines = text.splitlines(keepends=True)
    at = next((n for n, line in enumerate(lines) if line.rstrip() == KEPT), None)
    if at is None:
        return text, ""
    return "".join(lines[:at]).rstrip() + "\n", "\n" + "".join(lines[at:])


def comment(text: str) -> str:
    """`text` as one line of a comment, without what is not printable."""
    line = " ".join(text.split())
    return "# " + "".join(c if c.isprintable() else "?" for c in line)


def noted(notes: Iterable[Note]) -> str:
    """A comment for each note, each line with its end; blank without notes."""
    return "".join(_wrapped(comment(f"Note: {note}").removeprefix("# "), "#   ") for note in notes)


def further(entries: Iterable[Entry]) -> list[str]:
    """The variables, except the database's URL, that any of `entries` needs; each once."""
    names = dict.fromkeys(name for entry in entries for name in entry.needs)
    names.pop(DATABASE_URL, None)
    return [*names]


def held(where: str, names: Iterable[str]) -> str:
    """A comment that `where` must hold these variables, too; blank without any."""
    listed_names = ", ".join(names)
    return _wrapped(f"{where} these, too: {listed_names}.", "# ") if listed_names else ""


def _wrapped(text: str, following: str) -> str:
    lines = fill(
        text,
        width=_WIDTH,
        initial_indent="# ",
        subsequent_indent=following,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"{lines}\n"


def key(variable: str) -> str:
    """The name of `variable` where names are in lowercase, with hyphens."""
    return variable.lower().replace("_", "-")


def scalar(text: str) -> str:
    """`text` as a YAML scalar: plain where every reader of YAML 1.1 and 1.2 takes it for text."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)


def listed(name: str, texts: tuple[str, ...]) -> str:
    """`name: [a, b]` in YAML, or a line for each text where that line would be too long."""
    # In brackets, some readers take a text with a colon for a key with its value.
    parts = [
        json.dumps(text) if _PLAIN.fullmatch(text) and ":" in text else scalar(text)
        for text in texts
    ]
    line = f"{name}: [{', '.join(parts)}]"
    if len(line) <= _WIDEST_LIST:
        return line
    return "\n".join([f"{name}:", *(f"  - {part}" for part in parts)])
