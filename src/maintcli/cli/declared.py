"""Every job that may run, with its schedule as the configuration has it."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from maintcli import registry
from maintcli.cli.options import read_words
from maintcli.config.model import Config
from maintcli.config.option import Resolver
from maintcli.config.scheduler import every_text, option_words
from maintcli.errors import Bug, ConfigError
from maintcli.runtime.context import Job
from maintcli.runtime.log import printable
from maintcli.schedules import shorthand
from maintcli.schedules.due import Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A job, where it comes from, and when it is due.

    `is_enabled` says that maint.toml names it; `is_configured` is False where it has nothing to do
    until something is configured. `options` are the words that a scheduler gives it, `every` is
    what the configuration says instead of a cron expression.
    """

    job: Job
    group: str
    origin: str
    schedule: Schedule
    is_enabled: bool
    is_configured: bool = True
    every: str | None = None
    options: tuple[str, ...] = ()


def declared(config: Config) -> dict[str, Declared]:
    """Built-in jobs, configured sweeps, triggers and jobs of listed plugins, by name.

    Raises ConfigError for a bad schedule, and for a name that is taken.
    """
    registry.check_jobs(config)
    found: dict[str, Declared] = {}
    for name, entry in registry.entries(config).items():
        try:
            job = registry.job(config, name)
        except Bug as error:
            sys.stderr.write(f"maint: {printable(str(error))}\n")
        else:
            found[name] = _declared(config, job, entry.origin)
    _check_listed(config)
    return found


def _check_listed(config: Config) -> None:
    """Raise ConfigError for a job that is enabled, and may not run."""
    for distribution, name, _ in registry.plugins():
        if config.enables(name) and not registry.is_listed(distribution, config.plugins):
            raise ConfigError(
                f"{config.section(name).place()}: it is a job of the package {distribution},"
                f' which plugins does not list; write plugins = ["{distribution}"], or disable it.'
            )


def _declared(config: Config, job: Job, origin: str) -> Declared:
    section = config.section(job.name)
    words = option_words(section)
    given = read_words(job, words, section)
    ready, enabled = is_configured(config, job, given), _is_enabled(config, job)
    return Declared(
        job=job,
        group=job.group,
        origin=origin,
        schedule=_schedule(config, job, given, enabled=ready and enabled),
        is_enabled=enabled,
        is_configured=ready,
        every=every_text(section),
        options=words,
    )


def _is_enabled(config: Config, job: Job) -> bool:
    """Whether maint.toml names it; the rules of [[retention]] name the job that applies them."""
    if job.name not in config.jobs and _is_part(job):
        return config.has(job.needs or "")
    return config.enables(job.name)


def _is_part(job: Job) -> bool:
    """Whether what it needs is a part of maint.toml, and no option of its own."""
    return job.needs is not None and all(option.name != job.needs for option in job.options)


def is_configured(config: Config, job: Job, given: Mapping[str, object]) -> bool:
    """Whether there is anything for `job` to do: an option of its own, or a part of the file.

    `given` are the options, by name, that a scheduler gives it.
    """
    if job.needs is None:
        return True
    if _is_part(job):
        return config.has(job.needs)
    option = next(option for option in job.options if option.name == job.needs)
    resolver = Resolver(job.name, config.section(job.name), config.cwd)
    return bool(resolver.one(option, given.get(option.name)).value)


def idle(config: Config, jobs: Mapping[str, Declared]) -> list[str]:
    """A sentence for each of `jobs` that is enabled, and starts nothing: what it lacks."""
    return [
        f"{name} is enabled and has nothing to do; write {_lack(config, one.job)}."
        for name, one in jobs.items()
        if one.is_enabled and not one.is_configured
    ]


def by_hand(config: Config, jobs: Mapping[str, Declared]) -> list[str]:
    """A sentence for each of `jobs` that is enabled, and that no schedule starts."""
    planned = {one.job for one in config.schedules}
    return [
        f"{name} is enabled and has no schedule, so it runs by hand alone; to schedule it, write"
        f' every = "1d" under {config.section(name).header} in {config.file}.'
        for name, one in jobs.items()
        if one.is_enabled
        and one.is_configured
        and not one.schedule.expressions
        and name not in planned
    ]


def _lack(config: Config, job: Job) -> str:
    if _is_part(job):
        return f"a rule under [[{job.needs}]] in {config.file}"
    option = next(option for option in job.options if option.name == job.needs)
    return f"{option.key} under {config.section(job.name).header} in {config.file}"


def _schedule(config: Config, job: Job, given: Mapping[str, object], *, enabled: bool) -> Schedule:
    section = config.section(job.name)
    # In [sweeps.NAME], timezone is that of the column.
    zone_key = "schedule-timezone" if job.name in config.sweeps else "timezone"
    zone = section.text(zone_key) or config.timezone
    own = (job.schedule,) if job.schedule else ()
    return Schedule(
        expressions=shorthand.expressions(section, job.name, zone, own),
        zone=zone,
        enabled=enabled,
        timeout_seconds=timeout_seconds(config, job, given),
    )


def timeout_seconds(config: Config, job: Job, given: Mapping[str, object]) -> float:
    """How long a run may take. Only this option is read: another one's fault is for the job's own
    run to say.
    """
    resolver = Resolver(job.name, config.section(job.name), config.cwd)
    timeout = next(option for option in job.settings if option.name == "timeout")
    return float(resolver.one(timeout, given.get("timeout")).value.approx_seconds)
