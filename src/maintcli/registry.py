"""Every command by name, as strings: no job is imported until one is run.

Jobs come from four sources with one protocol: built in, other packages, [sweeps.NAME] and
[triggers.NAME] of maint.toml.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, cast

from maintcli.errors import Bug, ConfigError, Usage

if TYPE_CHECKING:
    from maintcli.config.model import Config
    from maintcli.config.tables import ConfiguredSweep
    from maintcli.config.triggers import Trigger
    from maintcli.runtime.context import Context, Job, Order

JOB_GROUPS: Final = ("Sessions", "Billing", "Queues", "Analytics", "Retention", "Upkeep")
CONFIGURED_GROUP: Final = "Configured sweeps"
PLUGIN_GROUP: Final = "Plugins"
TRIGGER_GROUP: Final = "Triggers"
COMMAND_GROUPS: Final = ("Watching", "Operating", "Setting up")

ENTRY_POINT_GROUP: Final = "maint.jobs"
TRIGGER: Final = "trigger"  # the command that sends one
TRIGGER_TIMEOUT: Final = "60s"
MAX_PERCENT: Final = 50.0  # the guard of a sweep that nobody has tested


class Entry(NamedTuple):
    """A command: where it is defined (`module:object`; blank where the configuration makes it), its
    line and its heading in --help, and where it comes from.
    """

    target: str
    summary: str
    group: str
    origin: str = "built in"


def _table(package: str, *rows: tuple[str, ...]) -> dict[str, Entry]:
    """Commands by name, summary, heading, and the module where it has not the command's name."""
    return {
        name: Entry(_target(package, name, *where), summary, group)
        for name, summary, group, *where in rows
    }


def _target(package: str, name: str, where: str = "") -> str:
    function = name.replace("-", "_")
    return f"maintcli.{package}.{where or function}:{function}"


JOBS: dict[str, Entry] = _table(
    "jobs",
    ("cleanup-sessions", "Remove sessions that have stopped sending heartbeats.", "Sessions"),
    ("cleanup-old-sessions", "Remove conversations that nobody has touched lately.", "Sessions"),
    ("cleanup-usage-counters", "Remove usage counters of periods long over.", "Billing"),
    ("cleanup-abandoned-jobs", "Remove document runs that were never started.", "Queues"),
    ("reconcile-stragglers", "Put jobs back whose runner has died.", "Queues"),
    ("cleanup-queues", "Delete finished rows of the queues that you name.", "Queues"),
    ("cleanup-old-analytics", "Remove old analytics events and daily totals.", "Analytics"),
    ("cleanup-run-history", "Delete old rows of maint's own run history.", "Upkeep"),
    ("cleanup-opt-outs", "Erase what is held of users who opted out.", "Retention"),
    ("cleanup-orphans", "Remove rows whose parent is gone.", "Retention"),
    ("retention-cleanup", "Delete rows that [[retention]] rules no longer keep.", "Retention"),
)
COMMANDS: dict[str, Entry] = _table(
    "cli.commands",
    ("list", "List your jobs, when each is due, and how it last ended.", "Watching", "status"),
    ("status", "Show how each job is doing, and which are late.", "Watching"),
    ("history", "Show past runs, the newest first.", "Watching"),
    ("show", "Show all that the ledger holds of one run.", "Watching", "history"),
    ("readyz", "Check that enabled jobs run and succeed; else exit with 1.", "Watching", "status"),
    ("run", "Run several jobs, and go on after a failure.", "Operating"),
    ("run-entry", "Run an entry of the schedule, with its own options.", "Operating", "run"),
    ("trigger", "Ask a backend to do its work, by one POST.", "Operating"),
    ("pause", "Keep a job from running, for a time or until it is resumed.", "Operating"),
    ("resume", "Let a paused job run again.", "Operating", "pause"),
    ("restore", "Put back the rows that a run archived and removed.", "Operating", "archives"),
    ("archives", "List the archives of removed rows, and remove old ones.", "Operating"),
    ("init", "Look for tables that jobs know, and write a first maint.toml.", "Setting up"),
    ("demo", "Take a tour on a PostgreSQL of its own.", "Setting up"),
    ("schedule", "Show when jobs are due, and write and check it for a scheduler.", "Setting up"),
    ("db", "Make, check and drop maint's own tables.", "Setting up"),
    ("config", "Write a configuration, or show the one in force.", "Setting up"),
    ("secret", "Print a new secret: 32 random bytes in hex.", "Setting up", "config"),
    ("plugins", "List jobs of other packages, and which may run.", "Setting up", "config"),
)


class Source(Protocol):
    """Where jobs come from."""

    def entries(self, config: "Config") -> Mapping[str, Entry]:
        """Its jobs that may run, by name; nothing is imported."""
        ...

    def load(self, config: "Config", name: str) -> "Job":
        """The job called `name`, imported or made. Raises Bug."""
        ...


class _BuiltIn:
    def entries(self, config: "Config") -> Mapping[str, Entry]:  # noqa: ARG002
        return JOBS

    def load(self, config: "Config", name: str) -> "Job":  # noqa: ARG002
        return cast("Job", load(JOBS[name]))


class _Sweeps:
    """[sweeps.NAME] is `maint NAME`."""

    def entries(self, config: "Config") -> Mapping[str, Entry]:
        return {
            name: Entry("", self._summary(sweep), CONFIGURED_GROUP, "configuration")
            for name, sweep in config.sweeps.items()
        }

    def load(self, config: "Config", name: str) -> "Job":
        from maintcli.api import Annotated, Duration, Opt, Run, Sweep, Swept, job
        from maintcli.config.tables import KEEP
        from maintcli.engines.base.stale import of_rule

        sweep = config.sweeps[name]

        def body(
            run: Run, *, keep: Annotated[Duration, Opt(KEEP.help, min=KEEP.min)] = sweep.rule.keep
        ) -> Swept:
            return run.sweeps([of_rule(sweep.rule, keep)])

        body.__doc__ = (sweep.description or "").strip() or self._summary(sweep)
        engine = Sweep(max_percent=MAX_PERCENT)
        return job(name=name, group=CONFIGURED_GROUP, schedule=None, engine=engine)(body)

    @staticmethod
    def _summary(sweep: "ConfiguredSweep") -> str:
        rule = sweep.rule
        described = (sweep.description or "").strip().partition("\n")[0]
        return described or f"Delete rows of {rule.table} {rule.keep} after their {rule.column}."


class _Triggers:
    """[triggers.NAME] is `maint trigger NAME`, and the job trigger-NAME."""

    def entries(self, config: "Config") -> Mapping[str, Entry]:
        return {
            name: Entry("", self._summary(trigger), TRIGGER_GROUP, "configuration")
            for name, trigger in config.triggers.items()
        }

    def load(self, config: "Config", name: str) -> "Job":
        from maintcli.config.duration import duration
        from maintcli.runtime.context import Job, common

        trigger, timeout = config.triggers[name], duration(TRIGGER_TIMEOUT)

        def body(context: "Context", _values: Mapping[str, Any]) -> object:
            from maintcli.engines.trigger.send import trigger as send

            return send(context, trigger)

        def check(_order: "Order") -> None:
            trigger.check()

        return Job(
            name=name,
            summary=self._summary(trigger),
            description=self._summary(trigger),
            group=TRIGGER_GROUP,
            schedule=None,
            timeout=timeout,
            can_dry_run=True,
            options=(),
            common=common(timeout),
            body=body,
            needs_database=False,
            secrets=trigger.secrets,
            variables=tuple(name for name in trigger.variables if name not in trigger.secrets),
            check=check,
        )

    @staticmethod
    def _summary(trigger: "Trigger") -> str:
        described = (trigger.section.text("description") or "").strip().partition("\n")[0]
        return described or f"Send the trigger {trigger.name}."


class _Packages:
    """Jobs of other packages: trusted when the configuration lists their distribution."""

    def entries(self, config: "Config") -> Mapping[str, Entry]:
        return {
            name: Entry(target, f"(from the package {package})", PLUGIN_GROUP, f"package {package}")
            for package, name, target in plugins()
            if name not in COMMANDS and is_listed(package, config.plugins)
        }

    def load(self, config: "Config", name: str) -> "Job":
        from maintcli.db.sqlstate import one_line

        entry = self.entries(config)[name]
        try:
            return _checked(name, load(entry))
        except (Exception, SystemExit) as error:  # whatever a stranger's module does when imported
            reason = one_line(f"{type(error).__name__}: {error}")
            raise Bug(
                f"The job {name} of another package ({entry.target}) cannot be loaded: {reason}."
                " Mend that package, or take it out of plugins in maint.toml."
            ) from error


def _checked(name: str, found: object) -> "Job":
    from maintcli.runtime.context import Job

    if not isinstance(found, Job):
        raise TypeError("it must be a function decorated with maintcli.api.job")
    if found.name != name:
        raise ValueError(f"its job is called {found.name}; the entry point must be, too")
    return found


SOURCES: Final[tuple[Source, ...]] = (_BuiltIn(), _Sweeps(), _Triggers(), _Packages())


def entries(config: "Config") -> dict[str, Entry]:
    """Every job that may run; of two with one name, that of the earlier source."""
    found: dict[str, Entry] = {}
    for source in SOURCES:
        for name, entry in source.entries(config).items():
            found.setdefault(name, entry)
    return found


def job(config: "Config", name: str) -> "Job":
    """The job called `name`, which `entries` has. Raises Bug."""
    source = next(source for source in SOURCES if name in source.entries(config))
    return source.load(config, name)


def known(config: "Config", name: str) -> str:
    """`name`, once it is that of a job. Raises Usage, with what may have been meant."""
    from maintcli.config.messages import hint

    names = entries(config)
    if name not in names:
        raise Usage(f"There is no job {name!r}; {hint(name, names)}")
    return name


def command(config: "Config", name: str) -> Entry | None:
    """The job that is the command `name`, which none built in is; or None.

    Raises ConfigError for that of a package that is not listed, and Usage where the name is
    that of a trigger, or nearly that of a configured sweep.
    """
    found = entries(config).get(name)
    if found is not None and found.group != TRIGGER_GROUP:
        return found
    for package, plugin, _ in plugins():
        if plugin == name and name not in COMMANDS:
            raise ConfigError(
                f"{name} comes from the package {package}, which the configuration does not list."
                f' To trust it, write at the top of maint.toml: plugins = ["{package}"]'
            )
    if found is not None:
        words = f"maint {TRIGGER} {config.triggers[name].name}"
        raise Usage(f"There is no command {name!r}; did you mean: {words}?")
    from maintcli.config.messages import closest

    near = closest(name, [*config.sweeps, *JOBS, *COMMANDS])
    if near in config.sweeps:
        raise Usage(f"There is no command {name!r}; did you mean {near}?")
    return None


def check(config: "Config") -> None:
    """Raise ConfigError for a name of the configuration that is taken, that no job has, or that is
    a slip of the pen for a known table.
    """
    check_jobs(config)
    if config.tables and not config.plugins:  # a plugin may sweep tables of any name
        from maintcli.db.example import columns

        config.check_tables(columns())


def check_jobs(config: "Config") -> None:
    """Raise ConfigError for a name of the configuration that is taken, or that no job has."""
    if not (config.sweeps or config.triggers or config.jobs):
        return
    packages = {name: package for package, name, _ in plugins()}
    for name in config.sweeps:
        taken = f"a job of the package {packages[name]}" if name in packages else ""
        if name in JOBS or name in COMMANDS:
            taken = "a command of maint"
        if taken:
            place = f"{config.file} {config.section(name).header}"
            raise ConfigError(f"{place}: {name} is {taken}; choose another name.")
    for name, trigger in config.triggers.items():
        taken = f"the job of [sweeps.{name}]" if name in config.sweeps else ""
        if name in packages:
            taken = f"a job of the package {packages[name]}"
        if taken:
            place = trigger.section.place()
            raise ConfigError(f"{place}: {name} is {taken}; choose another name.")
    config.check_jobs({*JOBS, *packages})


def load(entry: Entry) -> object:
    """Import what `entry` points at."""
    from importlib import import_module

    module, _, name = entry.target.partition(":")
    return getattr(import_module(module), name)


def plugins() -> Iterator[tuple[str, str, str]]:
    """(Distribution, command, target) of every installed plugin, listed or not."""
    return (found for found in packages(ENTRY_POINT_GROUP) if found[1] not in JOBS)


def packages(group: str) -> list[tuple[str, str, str]]:
    """(Distribution, name, target) of each entry point of `group` that is installed."""
    from importlib.metadata import entry_points

    points = entry_points(group=group)
    return [(point.dist.name, point.name, point.value) for point in points if point.dist]


def is_listed(distribution: str, listed: Collection[str]) -> bool:
    """Whether the configuration trusts `distribution`; names compare as PEP 503 has it."""
    return _plain(distribution) in {_plain(name) for name in listed}


def _plain(name: str) -> str:
    return "-".join(filter(None, name.lower().replace("_", "-").replace(".", "-").split("-")))
