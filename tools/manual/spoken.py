"""Every `maint …` that the documentation shows is a command, and has the options shown."""

import re
import shlex
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

from manual.tree import root

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_NO_SHELL = {"dockerfile", "python", "sql", "toml"}  # where "maint" is a word and no command
_INLINE = re.compile(r"`([^`\n]+)`")
_COMMAND = re.compile(r"(?<![\w.:@=-])maint (?=[a-z-])([^\n`]*)")
_ENDS = re.compile(r"[|;&<>#(),.…]|\s\\$")  # what ends a command in a shell, YAML or a sentence
_CONTINUED = re.compile(r"\s*\\\n\s*")
_SWEEP = re.compile(r"^\[sweeps\.([\w-]+)\]", re.MULTILINE)
_LIKE = "retention-cleanup"  # it has the options of every job under [sweeps]
_MANY = 1000


def wrong(path: Path, name: str) -> Iterator[str]:
    """A sentence for each command of `path` that `maint` would not understand."""
    text = path.read_text("utf-8")
    blocks = [part for language, part in _FENCE.findall(text) if language not in _NO_SHELL]
    code = [_CONTINUED.sub(" ", part) for part in blocks]
    code += _INLINE.findall(_FENCE.sub("", text))
    for line in dict.fromkeys(found for part in code for found in _COMMAND.findall(part)):
        if complaint := _complaint(line, _SWEEP.findall(text)):
            yield f"{name}: maint {line.strip()}: {complaint}"


def _complaint(line: str, sweeps: list[str]) -> str | None:
    """What is wrong with a command; `sweeps` are jobs that the page's own maint.toml makes."""
    words = [_LIKE if n == 0 and word in sweeps else word for n, word in enumerate(_words(line))]
    if not words:
        return None
    command = root()
    while words and hasattr(command, "commands") and not words[0].startswith("-"):
        word = words.pop(0)
        if word not in command.commands:
            return f"there is no command {word}."
        command = _loaded(command.commands[word])
    return _unknown(command, words)


def _loaded(command: Any) -> Any:
    return command.load() if hasattr(command, "load") else command


def _unknown(command: Any, words: list[str]) -> str | None:
    """What is there too much. Typer's own parser would do what an eager option asks for."""
    takes_value = {"--help": False, "-h": False}
    takes_value |= {
        flag: not option.is_flag
        for option in command.params
        if option.param_type_name == "option"
        for flag in (*option.opts, *option.secondary_opts)
    }
    room = sum(_MANY if p.nargs == -1 else 1 for p in command.params if _is_argument(p))
    rest = takewhile(lambda word: word != "--", words)  # what follows is for another command
    for word in rest:
        flag = word.partition("=")[0]
        if not word.startswith("-"):
            room -= 1
            if room < 0:
                return f"{word} is one word too many."
        elif flag not in takes_value:
            return f"there is no option {flag}."
        elif takes_value[flag] and "=" not in word:
            next(rest, None)
    return None


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def _words(line: str) -> list[str]:
    """The command's words, up to what ends it."""
    try:
        lexed = shlex.split(line, comments=True)
    except ValueError:  # a quote that belongs to the text around it
        lexed = line.replace("'", " ").replace('"', " ").split()
    words: list[str] = []
    for word in lexed:
        if _ENDS.match(word) or word in {"]", "}"}:
            break
        words.append(word.rstrip(";,"))
        if word.endswith((";", ",")):
            break
    return words
