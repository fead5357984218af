"""Reading maint.toml and all of the configuration, once, at the start of a command."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from maintcli.config.database import read_databases
from maintcli.config.files import check_config_file, config_file_warnings, read_found, read_named
from maintcli.config.messages import bare, mask, printable
from maintcli.config.model import Config
from maintcli.config.observers import read_observers
from maintcli.config.option import Kind, Option, Resolver
from maintcli.config.scheduler import read_jobs, read_schedules
from maintcli.config.section import Section
from maintcli.config.tables import read_tables
from maintcli.config.variables import Variables, read_variables
from maintcli.errors import ConfigError

if TYPE_CHECKING:
    from maintcli.config.tables import ConfiguredSweep, Rule
    from maintcli.config.triggers import Trigger

FILE_NAME: Final = "maint.toml"
_VARIABLE: Final = "MAINT_CONFIG"
_JOBS_TWICE: Final = (
    "it has both jobs = […] and [jobs.NAME], and TOML allows only one of the two; take the list"
    " out, and write a section for each of its jobs, which may be empty: [jobs.cleanup-sessions]."
)
_OPENING: Final = "\"'[{"  # what a value that is not a bare word begins with
MAX_CONCURRENT_JOBS: Final = Option(
    name="max_concurrent_jobs",
    kind=Kind.INTEGER,
    default=5,
    min="1",
    help="How many jobs may run at once; one with a timeout of a minute or less does not count.",
)
_KEYS: Final = (
    "database",
    "databases",
    "jobs",
    "max-concurrent-jobs",
    "observers",
    "plugins",
    "retention",
    "schedule",
    "schedules",
    "sweeps",
    "tables",
    "triggers",
)


def load(
    *,
    config: Path | None = None,
    env_file: Path | None = None,
    environ: Mapping[str, str],
    cwd: Path,
) -> Config:
    """Read .env (or `env_file`) and maint.toml (or `config`, or MAINT_CONFIG) from `cwd`.

    Database URLs are read later, when one is asked for. Raises ConfigError, with one sentence
    that says what is wrong, where, and what to do.
    """
    variables = read_variables(environ, env_file, cwd)
    document = _read_document(config, variables, cwd)
    top = Section(document.file, (), document.values, variables)
    _check_sections(top)
    top.only(_KEYS)
    base = document.path.parent if document.path else cwd
    sweeps, retention = _rules(top)
    return Config(
        path=document.path,
        file=document.file,
        cwd=cwd,
        variables=variables,
        databases=read_databases(top, base),
        jobs=read_jobs(top),
        tables=read_tables(top),
        plugins=top.texts("plugins"),
        warnings=(*variables.warnings, *document.warnings),
        max_concurrent=Resolver("", top, base).one(MAX_CONCURRENT_JOBS),
        sweeps=sweeps,
        retention=retention,
        schedules=read_schedules(top),
        scheduler=_scheduler(top),
        text=document.text,
        triggers=_triggers(top, base, cwd),
        observers=read_observers(top, base),
    )


def _check_sections(top: Section) -> None:
    """A job is not a section of its own. Raises ConfigError."""
    for key, value in top.values.items():
        if key not in _KEYS and isinstance(value, dict) and "-" in key:
            name = bare(key)
            raise ConfigError(
                f"{top.file}: unknown section [{name}]; that of a job is [jobs.{name}]."
            )


def _rules(top: Section) -> "tuple[dict[str, ConfiguredSweep], tuple[Rule, ...]]":
    if not {"sweeps", "retention"} & top.values.keys():  # and an import is saved, as below
        return {}, ()
    from maintcli.config.tables import read_retention, read_sweeps

    return read_sweeps(top), read_retention(top)


def _scheduler(top: Section) -> Section:
    if "schedule" not in top.values:
        return top.section("schedule")
    from maintcli.config.scheduler import read_scheduler

    return read_scheduler(top)


def _triggers(top: Section, base: Path, cwd: Path) -> "dict[str, Trigger]":
    if "triggers" not in top.values:
        return {}
    from maintcli.config.triggers import read_triggers

    return read_triggers(top, base, cwd)


class _Document(NamedTuple):
    """The file read (None: there is none), how messages call it, its tables, its text, and
    what should be said about it.
    """

    path: Path | None
    file: str
    values: Mapping[str, object]
    text: str = ""
    warnings: tuple[str, ...] = ()


def _read_document(config: Path | None, variables: Variables, cwd: Path) -> _Document:
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


def _named(path: Path, name: str, label: str) -> _Document:
    warnings: tuple[str, ...] = ()

    def check(descriptor: int, status: os.stat_result) -> None:
        nonlocal warnings
        warnings = config_file_warnings(path, name, descriptor, status)

    text, shown = read_named(path, name, check), printable(mask(label))
    return _Document(path, shown, _tables(text, shown), text, warnings)


def _found(path: Path) -> _Document:
    def check(descriptor: int, status: os.stat_result) -> None:
        check_config_file(path, FILE_NAME, descriptor, status)

    text = read_found(path, FILE_NAME, check)
    if text is None:
        return _Document(None, FILE_NAME, {})
    return _Document(path, FILE_NAME, _tables(text, FILE_NAME), text)


def _tables(text: str, label: str) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        if _names_jobs_twice(text):
            raise ConfigError(f"{label}: {_JOBS_TWICE}") from None
        raise ConfigError(f"{label}: {_fault(str(error), text)}.") from None
    except ValueError:  # of int(); it names no line
        raise ConfigError(f"{label}: holds a number of too many digits; correct it.") from None
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
        section = line.strip().startswith("[")
        unnamed = f"the section {printable(mask(line.strip()))}" if section else "a key"
        return f"line {found[1]}: {key[1] if key else unnamed} appears twice; remove one"
    how = "correct that line"
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
