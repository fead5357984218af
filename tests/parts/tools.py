"""Tools of schedulers that are not here: a script that answers as they would."""

import shlex
from collections.abc import Mapping
from pathlib import Path


def tool(folder: Path, name: str, answers: Mapping[str, str]) -> dict[str, str]:
    """A command called `name`, and the environment that finds it alone.

    `answers` are shell scripts, by a word of the command line that each is for.
    """
    folder.mkdir(exist_ok=True)
    cases = "".join(f"*{shlex.quote(word)}*)\n{script}\n;;\n" for word, script in answers.items())
    path = folder / name
    path.write_text(f'#!/bin/sh\ncase "$*" in\n{cases}*) echo "unasked: $*" >&2; exit 9;;\nesac\n')
    path.chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


def prints(text: str) -> str:
    """The script that prints `text`."""
    return f"printf %s {shlex.quote(text)}"


def fails(words: str, code: int = 1) -> str:
    """The script that complains of `words`."""
    return f"echo {shlex.quote(words)} >&2; exit {code}"
