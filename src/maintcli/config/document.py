"""maint.toml: which file it is, and its text as tables."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from maintcli.config.files import read_found, read_named
from maintcli.config.say import mask, printable
from maintcli.config.trust import doubt_config_file, judge_config_file
from maintcli.config.variables import Variables
from maintcli.errors import ConfigError

FILE_NAME: Final = "maint.toml"
_VARIABLE: Final = "MAINT_CONFIG"
_TWICE: Final = (
    "it has both jobs = […] and [jobs.NAME], and TOML allows only one of the two; take the list"
    " out, and write a section for each of its jobs, which may be empty: [jobs.cleanup-sessions]."
)
_OPENING: Final = "\"'[{"  # what a value that is not a bare word begins with


class Document(NamedTuple):
    """The file read (None: there is none), how messages call it, its tables, its text, and
    what should be said about it.
    """

    path: Path | None
    file: str
    values: Mapping[str, object]
    text: str = ""
    warnings: tuple[str, ...] = ()


def read_document(config: Path | None, variables: Variables, cwd: Path) -> Document:
    """Read --config, else MAINT_CONFIG, else `cwd`/maint.toml where it exists.

    Raises ConfigError when a named file is absent, or any cannot be read or is not TOML.
    """
    if config is not None:
        return _named(cwd / config, f"--config {printable(str(config))}", str(config))
    found = variables.get(_VARIABLE)
    if found is not None:
        if not found.value.strip():
            raise ConfigError(f"{found.origin} is blank; give it a path or unset it.")
        name = f"{found.origin}={printable(mask(found.value))}"
        return _named(cwd / found.value, name, found.value)
    return _found(cwd / FILE_NAME)


def _named(path: Path, name: str, label: str) -> Document:
    warnings: tuple[str, ...] = ()

    def judge(descriptor: int, status: os.stat_result) -> None:
        nonlocal warnings
        warnings = doubt_config_file(path, name, descriptor, status)

    text, shown = read_named(path, name, judge), printable(mask(label))
    return Document(path, shown, _parse(text, shown), text, warnings)


def _found(path: Path) -> Document:
    def judge(descriptor: int, status: os.stat_result) -> None:
        judge_config_file(path, FILE_NAME, descriptor, status)

    text = read_found(path, FILE_NAME, judge)
    if text is None:
        return Document(None, FILE_NAME, {})
    return Document(path, FILE_NAME, _parse(text, FILE_NAME), text)


def _parse(text: str, label: str) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        if _names_jobs_twice(text):
            raise ConfigError(f"{label}: {_TWICE}") from None
        raise ConfigError(f"{label}: {_fault(str(error), text)}.") from None
    except ValueError:  # of int(); it names no line
        raise ConfigError(f"{label}: holds a number of too many digits; mend it.") from None
    except RecursionError:
        raise ConfigError(f"{label}: is nested too deeply; flatten it.") from None


def _fault(error: str, text: str) -> str:
    """What is wrong and what to do, as clauses; of the line no more than its key is repeated."""
    import re

    found = re.search(r"\(at line (\d+),", error)
    lines = text.replace("\r\n", "\n").split("\n")
    line = lines[int(found[1]) - 1] if found else ""
    key = re.match(r"\s*([\w-]+)\s*([=:])\s*(.?)", line)
    if found and ("Cannot overwrite" in error or "twice" in error):
        what = key[1] if key else f"the section {printable(mask(line.strip()))}"
        return f"line {found[1]}: {what} stands there for the second time; remove one"
    how = "mend that line"
    if key and r"Illegal character '\n'" in error:
        how = f"close the quotation mark behind {key[1]}"
    elif key and key[2] == ":":
        how = f"write {key[1]} = …"
    elif key and key[3] not in _OPENING:
        how = f'write text and durations in straight quotes: {key[1]} = "…"'
    return f"is not valid TOML: {mask(error.replace(chr(10), ' '))}; {how}"


def _names_jobs_twice(text: str) -> bool:
    import re

    is_list = re.search(r"^\s*jobs\s*=\s*\[", text, re.MULTILINE)
    return bool(is_list and re.search(r"^\s*(\[\s*jobs\b|jobs\s*\.)", text, re.MULTILINE))
