"""Reading the whole configuration, once, at the start of a command."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from maintcli.config.database import read_databases
from maintcli.config.document import read_document
from maintcli.config.env_file import read_variables
from maintcli.config.jobs import read_jobs
from maintcli.config.model import Config
from maintcli.config.option import Kind, Option
from maintcli.config.resolve import Resolver
from maintcli.config.say import bare
from maintcli.config.section import Section
from maintcli.config.tables import read_tables
from maintcli.config.timing import read_schedules
from maintcli.errors import ConfigError

if TYPE_CHECKING:
    from maintcli.config.rule import Rule
    from maintcli.config.sweeps import ConfiguredSweep
    from maintcli.config.triggers import Trigger

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
    document = read_document(config, variables, cwd)
    top = Section(document.file, (), document.values, variables)
    _check_sections(top)
    top.only(_KEYS)
    base = document.path.parent if document.path else cwd
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
        sweeps=_sweeps(top),
        retention=_retention(top),
        schedules=read_schedules(top),
        scheduler=_scheduler(top),
        text=document.text,
        triggers=_triggers(top, base, cwd),
    )


def _check_sections(top: Section) -> None:
    """A job is not a section of its own. Raises ConfigError."""
    for key, value in top.values.items():
        if key not in _KEYS and isinstance(value, dict) and "-" in key:
            name = bare(key)
            raise ConfigError(
                f"{top.file}: unknown section [{name}]; that of a job is [jobs.{name}]."
            )


def _sweeps(top: Section) -> "dict[str, ConfiguredSweep]":
    if "sweeps" not in top.values:  # and its import is saved
        return {}
    from maintcli.config.sweeps import read_sweeps

    return read_sweeps(top)


def _retention(top: Section) -> "tuple[Rule, ...]":
    if "retention" not in top.values:
        return ()
    from maintcli.config.retention import read_retention

    return read_retention(top)


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
