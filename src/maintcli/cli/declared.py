"""Every job that may run, with its schedule as the configuration has it."""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime

from maintcli import catalog
from maintcli.cli.job import load_job
from maintcli.config.model import Config
from maintcli.config.resolve import Resolver
from maintcli.config.section import Section
from maintcli.config.suggest import hint
from maintcli.errors import BrokenPlugin, ConfigError, Usage
from maintcli.runtime.job import Job
from maintcli.runtime.log import printable
from maintcli.schedules import cron
from maintcli.schedules.schedule import Schedule

_BUILT_IN = "built in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A job, where it comes from, and when it is due."""

    job: Job
    group: str
    origin: str
    schedule: Schedule


def declared(config: Config) -> dict[str, Declared]:
    """Built-in jobs and those of listed plugins, by name. Raises ConfigError for a bad schedule."""
    config.check_jobs({*catalog.JOBS, *(name for _, name, _ in catalog.plugins())})
    found: dict[str, Declared] = {}
    for name, (entry, origin) in entries(config).items():
        job = _load(name, entry)
        if job is not None:
            schedule = _schedule(config, name, job)
            found[name] = Declared(job=job, group=job.group, origin=origin, schedule=schedule)
    return found


def entries(config: Config) -> dict[str, tuple[catalog.Entry, str]]:
    """The catalog's entries that may run, and where each comes from; nothing is imported."""
    found = {name: (entry, _BUILT_IN) for name, entry in catalog.JOBS.items()}
    for distribution, name, target in catalog.plugins():
        if catalog.is_listed(distribution, config.plugins):
            entry = catalog.Entry(target, "", catalog.PLUGIN_GROUP)
            found.setdefault(name, (entry, f"package {distribution}"))
    return found


def known(config: Config, name: str) -> str:
    """`name`, once it is that of a job. Raises Usage, with what may have been meant."""
    names = entries(config)
    if name not in names:
        raise Usage(reason=f"There is no job {name!r}; {hint(name, names)}")
    return name


def _load(name: str, entry: catalog.Entry) -> Job | None:
    """The job, or None, and a word about it, where another package's cannot be imported."""
    try:
        return load_job(name, entry)
    except BrokenPlugin as error:
        sys.stderr.write(f"maint: {printable(str(error))}\n")
        return None


def _schedule(config: Config, name: str, job: Job) -> Schedule:
    section = Section(config.file, ("jobs", name), config.jobs.get(name, {}), config.variables)
    own = (job.schedule,) if job.schedule else ()
    expressions = section.texts("schedule", single=True) if "schedule" in section.values else own
    enabled = section.boolean("enabled")
    zone = section.text("timezone") or "UTC"
    for expression in expressions:
        try:
            cron.next_time(expression, zone, datetime.now(UTC))
        except ValueError as error:
            raise ConfigError(reason=f"{section.place('schedule')}: {error}.") from None
    return Schedule(
        expressions=expressions,
        zone=zone,
        enabled=job.enabled if enabled is None else enabled,
        timeout_seconds=_timeout(Resolver(name, section, config.cwd), job),
    )


def _timeout(resolver: Resolver, job: Job) -> float:
    """In seconds. Only this option is read: another one's fault is for the job's own run to say."""
    timeout = next(option for option in job.settings if option.name == "timeout")
    return float(resolver.one(timeout).value.approx_seconds)
