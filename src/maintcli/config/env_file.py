"""Reading .env: from the working directory, or the file named by --env-file."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from maintcli.config.files import read_found, read_named
from maintcli.config.say import bare, printable, word
from maintcli.config.trust import judge_env_file
from maintcli.config.variables import Variables
from maintcli.errors import ConfigError

FILE_NAME: Final = ".env"
# NAME=value of a secret's name, or with a password inside the value. A value that leads to a file
# or to another variable is none.
_EXPOSING: Final = (
    r"\A\w*(PASSW|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY)\w*(?<!_FILE)=\s*(?!file:|env:|\$)\S"
    r"|://[^/\s]*:[^/\s$][^/\s]*@"
    r"|\bpassword\s*=\s*[^\s$&]"
)


def read_variables(environ: Mapping[str, str], env_file: Path | None, cwd: Path) -> Variables:
    """The variables of `environ`, then of `env_file` or else of `cwd`/.env (no other folder).

    Raises ConfigError when the file is not to be trusted or cannot be read.
    """
    if env_file is not None:
        name = f"--env-file {printable(str(env_file))}"
        text: str | None = _read_named(cwd / env_file, name)
        label = printable(str(env_file))
    else:
        text, name, label = _read_found(cwd / FILE_NAME), FILE_NAME, FILE_NAME
    if text is None:
        return Variables(environ)
    values, warnings = _parse(text, name)
    exposed = _exposed(values, cwd / (env_file or FILE_NAME), name)
    return Variables(environ, values, label, (*warnings, *exposed))


def _read_named(path: Path, name: str) -> str:
    def judge(descriptor: int, status: os.stat_result) -> None:
        judge_env_file(path, name, descriptor, status, named=True)

    return read_named(path, name, judge)


def _read_found(path: Path) -> str | None:
    def judge(descriptor: int, status: os.stat_result) -> None:
        judge_env_file(path, path.name, descriptor, status, named=False)

    # A directory of this name is a virtual environment.
    return read_found(path, path.name, judge, skip_directory=True)


def _parse(text: str, name: str) -> tuple[dict[str, str], tuple[str, ...]]:
    from io import StringIO

    from dotenv.parser import parse_stream

    values: dict[str, str] = {}
    warnings: list[str] = []
    for binding in parse_stream(StringIO(text)):
        if binding.error:
            line = _line(binding.original.line, binding.original.string)
            raise ConfigError(
                f"{name}: line {line} cannot be understood; write NAME=value, "
                'or NAME="value" with both quotes.'
            )
        if binding.key is None or binding.value is None:
            continue
        if binding.key in values:
            warnings.append(f"{name} sets {bare(binding.key)} more than once; the last one counts.")
        values[binding.key] = binding.value
    return values, tuple(dict.fromkeys(warnings))


def _line(line: int, statement: str) -> int:
    """The line on which a statement's first character stands; its blank lines come before."""
    return line + statement[: len(statement) - len(statement.lstrip())].count("\n")


def _exposed(values: Mapping[str, str], path: Path, name: str) -> tuple[str, ...]:
    """A warning where all can read a password."""
    import re

    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) and mode & stat.S_IROTH):
        return ()
    secret = re.compile(_EXPOSING, re.IGNORECASE)
    for key, value in values.items():
        if secret.search(f"{key}={value}"):
            what = f"{name}: every user can read {bare(key)} (mode {stat.S_IMODE(mode):04o})"
            return (f"{what}; run: chmod o-r {word(path)}",)
    return ()
