"""The whole configuration, read once and never changed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from maintcli.config.database import DatabaseConfig, DatabaseSource
from maintcli.config.messages import bare, closest, hint
from maintcli.config.observers import ObserverConfig
from maintcli.config.option import Option, Resolver
from maintcli.config.scheduler import RESERVED, SCHEDULERS
from maintcli.config.section import Section
from maintcli.config.tables import STATUSES, TableMap
from maintcli.config.variables import Read, Sourced, Variables, read_secret
from maintcli.errors import ConfigError

if TYPE_CHECKING:
    from maintcli.config.scheduler import Planned
    from maintcli.config.tables import ConfiguredSweep, Rule
    from maintcli.config.triggers import Trigger

_SLIP: Final = 0.85  # different tables often have similar names
# These say where a run is and who started it, not what it does.
_EVERY_RUN_ITS_OWN: Final = frozenset(
    {
        *("MAINT_CONFIG", "MAINT_ENV_FILE", "MAINT_LOG_FILE", "MAINT_ORIGIN"),
        *("MAINT_RUN_GROUP", "MAINT_SCHEDULED_FOR"),
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class Config:
    """Everything that maint.toml, .env and the environment say.

    `path` is the file read, or None; `file` is how messages call it. `jobs` holds the sections
    [jobs.NAME] as they stand, `${NAME}` not filled in; a job in it is enabled. `warnings` are for
    the log, once. `sweeps` are the jobs that the file makes, `retention` the rules of
    retention-cleanup, `schedules` the entries beside those of [jobs.NAME], `scheduler` the section
    [schedule]. `triggers` are by the names of their jobs, `observers` who is told how runs
    go. `text` is the file's.
    """

    path: Path | None
    file: str
    cwd: Path
    variables: Variables
    databases: Mapping[str, DatabaseSource]
    jobs: Mapping[str, Mapping[str, object]] = field(repr=False)
    tables: Mapping[str, TableMap]
    plugins: tuple[str, ...]
    max_concurrent: Sourced[int]
    warnings: tuple[str, ...] = ()
    sweeps: "Mapping[str, ConfiguredSweep]" = field(
        default_factory=dict[str, "ConfiguredSweep"], repr=False
    )
    retention: "tuple[Rule, ...]" = field(default=(), repr=False)
    schedules: "tuple[Planned, ...]" = field(default=(), repr=False)
    scheduler: Section = field(default_factory=lambda: Section(""), repr=False)
    text: str = field(default="", repr=False)
    triggers: "Mapping[str, Trigger]" = field(default_factory=dict[str, "Trigger"], repr=False)
    observers: ObserverConfig = field(default_factory=ObserverConfig, repr=False)

    @property
    def max_concurrent_jobs(self) -> int:
        """How many jobs may run at once."""
        return self.max_concurrent.value

    @property
    def hash(self) -> str:
        """Twelve hexadecimal digits over the settings as written, so that no secret is in them.

        `defaults` where nothing is set.
        """
        variables = {
            name: self.variables.raw(name)
            for name in self.variables
            if name.startswith("MAINT_") and name not in _EVERY_RUN_ITS_OWN
        }
        if self.path is None and not variables:
            return "defaults"  # and the import of hashlib, some 3 ms, is saved
        import json
        from hashlib import sha256

        text = json.dumps({**_written(self), "variables": variables}, sort_keys=True, default=str)
        return sha256(text.encode()).hexdigest()[:12]

    @property
    def is_needed_by_runs(self) -> bool:
        """Whether the file says more than when and where jobs are started."""
        others = (self.tables, self.sweeps, self.retention, self.triggers, self.plugins)
        own = (source for source in self.databases.values() if source.url or source.schema)
        settings = (key for job in self.jobs.values() for key in job if key not in SCHEDULERS)
        limit = self.max_concurrent.origin.startswith(self.file)
        return any(others) or limit or any(True for _ in (*own, *settings))

    @property
    def where(self) -> str:
        """The file, for messages; where there is none, with the folder that was searched.

        Under a scheduler the working directory is often not the expected one.
        """
        return self.file if self.path else f"{self.file} (there is none in {self.cwd})"

    @property
    def timezone(self) -> str:
        """The zone of the schedules that name none."""
        return self.scheduler.text("timezone") or "UTC"

    def has(self, part: str) -> bool:
        """Whether the part of maint.toml that a job needs says anything: retention, so far."""
        return bool({"retention": self.retention}[part])

    def enables(self, job: str) -> bool:
        """Whether the file names `job`, in a section or in `jobs`, without disabling it."""
        named = job in self.jobs or job in self.sweeps or job in self.triggers
        return named and self.section(job).boolean("enabled") is not False

    def database(self, name: str | None = None) -> DatabaseConfig:
        """The database called `name`, or the main one, with its URL read.

        Raises ConfigError for an unknown name, or a secret that is missing or blank.
        """
        wanted = "default" if name is None else name
        if wanted not in self.databases:
            raise ConfigError(
                f"There is no database {bare(wanted)} in {self.file}; "
                f"{hint(wanted, self.databases)}"
            )
        return self.databases[wanted].read(self.variables, self.cwd)

    def table(self, key: str) -> TableMap:
        """How the user calls the reference schema's table `key`; an empty map when not mapped."""
        return self.tables.get(key, TableMap(file=self.where))

    def secret(self, variable: str) -> Read | None:
        """The secret that `variable` holds or points at, or None where it is not set.

        Raises ConfigError when it is blank or what it points at is missing.
        """
        found = self.variables.get(variable)
        return None if found is None else read_secret(found, self.variables, self.cwd)

    def resolve(
        self, job: str, options: Sequence[Option], flags: Mapping[str, object | None]
    ) -> dict[str, Sourced[Any]]:
        """Each option's value and origin by its name; `flags` holds what was given, by name.

        Raises Usage for a bad flag, ConfigError for a bad variable or key.
        """
        return self._resolver(job).resolve(options, flags)

    def check_section(self, job: str, options: Sequence[Option]) -> None:
        """Raise ConfigError for a key of its section that `job` does not know, or a wrong value."""
        resolver = self._resolver(job)
        resolver.check_keys(options)
        resolver.check_values(options)

    def _resolver(self, job: str) -> Resolver:
        base = self.path.parent if self.path else self.cwd
        return Resolver(job, self.section(job), base, self._reserved(job))

    def section(self, job: str) -> Section:
        """The section of maint.toml that holds the settings of `job`."""
        if job in self.triggers:
            return self.triggers[job].section
        if job in self.sweeps:
            return self.sweeps[job].rule.section
        return Section(self.file, ("jobs", job), self.jobs.get(job), self.variables)

    def _reserved(self, job: str) -> tuple[str, ...]:
        if job in self.triggers:
            from maintcli.config.triggers import OWN

            return OWN
        if job not in self.sweeps:
            return RESERVED
        from maintcli.config.tables import SWEEP_KEYS

        return SWEEP_KEYS

    def check_jobs(self, known: Collection[str]) -> None:
        """Raise ConfigError for a section [jobs.NAME] of a job that does not exist."""
        for name in self.jobs:
            place = Section(self.file, ("jobs", name)).place()
            if name in self.sweeps or name in self.triggers:
                own = self.section(name).header
                raise ConfigError(
                    f"{place}: take it out; {own} enables the job and holds its settings."
                )
            if name not in known:
                raise ConfigError(f"{place}: there is no such job; {hint(name, known)}")

    def check_tables(self, known: Mapping[str, Collection[str]]) -> None:
        """Raise ConfigError for a section [tables.KEY] that looks like a misspelt known table.

        Any other KEY is a table of the user's own, which a job's list may name. A section may map
        only columns of the table, by the names that they are `known` by, and statuses that jobs
        know.
        """
        for name in self.tables:
            meant = None if name in known else closest(name, known, cutoff=_SLIP)
            if meant is not None:
                place = Section(self.file, ("tables", name)).place()
                own = Section(self.file, ("tables", f"public.{name}")).header
                raise ConfigError(
                    f"{place}: did you mean {bare(meant)}? A table of your own called"
                    f" so needs its schema, here and in the job's list: {own}."
                )
        for key, table in self.tables.items():
            columns = Section(self.file, ("tables", key, "columns"), table.columns)
            columns.only(known.get(key, table.columns))
            Section(self.file, ("tables", key, "statuses"), table.statuses).only(STATUSES)


def _written(config: Config) -> dict[str, object]:
    return {
        "databases": {n: str(s.schema and s.schema.value) for n, s in config.databases.items()},
        "jobs": dict(config.jobs),
        "tables": {key: repr(table) for key, table in config.tables.items()},
        "sweeps": {name: dict(sweep.rule.section.values) for name, sweep in config.sweeps.items()},
        "retention": [dict(rule.section.values) for rule in config.retention],
        "schedules": [dict(planned.values) for planned in config.schedules],
        "triggers": {name: dict(one.section.values) for name, one in config.triggers.items()},
        "plugins": sorted(config.plugins),
        "max-concurrent-jobs": config.max_concurrent.value,
    }
