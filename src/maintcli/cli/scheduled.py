"""What schedulers are to start: the jobs that are enabled, and the entries of [[schedules]]."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from maintcli import registry
from maintcli.cli.declared import Declared, by_hand, declared, idle, is_configured, timeout_seconds
from maintcli.cli.options import read_words
from maintcli.config.database import ALL
from maintcli.config.messages import bare, hint, quote
from maintcli.config.model import Config
from maintcli.config.scheduler import every_text, option_words, parallelism
from maintcli.config.section import Section
from maintcli.errors import ConfigError, Usage
from maintcli.runtime.context import Job
from maintcli.schedules import shorthand
from maintcli.schedules.model import Entry

if TYPE_CHECKING:
    from maintcli.config.scheduler import Planned

_LIGHT_SECONDS = 60.0  # a job with no more than that is never worth dividing


def scheduled(
    config: Config, names: Sequence[str] = (), database: str | None = None
) -> list[Entry]:
    """Every entry that is enabled and has something to do; with `names` these alone, enabled or
    not. Each is for `database`, unless its options name one.

    Raises ConfigError, and Usage for a name that cannot be scheduled.
    """
    registry.check(config)
    jobs = declared(config)
    for one in jobs.values():  # a misspelt key may be the one that says when
        config.check_section(one.job.name, one.job.settings)
    if names:
        found = [_asked(config, name, jobs) for name in dict.fromkeys(names)]
    else:
        found = [own(config, name, one) for name, one in jobs.items() if one.schedule.is_on]
        found += further(config, jobs)
    return found if database is None else _for(database, found, config.databases)


def _for(database: str, entries: Sequence[Entry], known: Collection[str]) -> list[Entry]:
    """`entries`, each with --database in its options. Raises Usage."""
    if database == ALL:
        raise Usage(
            "--database all: say so in maint.toml, with a timeout for all of them:"
            ' options = ["--database", "all"].'
        )
    if database not in known:
        raise Usage(f"--database: there is no {bare(database)}; {hint(database, known)}")
    return [
        entry
        if any(word.partition("=")[0] == "--database" for word in entry.options)
        else entry._replace(options=("--database", database, *entry.options), added=2)
        for entry in entries
    ]


def none_enabled(config: Config, command: str) -> Usage:
    """The error of a `command` that has no entry to work on: it says both ways to name one."""
    jobs = declared(config)
    if sentences := [*idle(config, jobs), *by_hand(config, jobs)]:
        return Usage(" ".join(sentences))
    where = f"{config.file} enables none" if config.path else f"there is no {config.file} here"
    return Usage(
        f"No job has a schedule: {where}. Name jobs on the command line: maint {command}"
        ' cleanup-sessions; or enable them in maint.toml: jobs = ["cleanup-sessions"].'
    )


def further(config: Config, jobs: Mapping[str, Declared]) -> list[Entry]:
    """Those of [[schedules]] alone, `jobs` being all declared ones. Raises ConfigError."""
    found = [_planned(config, planned, jobs) for planned in config.schedules]
    return [entry for entry, is_on in found if is_on]


def find(config: Config, key: str) -> Entry:
    """The entry called `key`, enabled or not. Raises Usage."""
    return _find(config, key, declared(config))


def _asked(config: Config, name: str, jobs: Mapping[str, Declared]) -> Entry:
    entry = _find(config, name, jobs)
    if not entry.expressions:
        header = config.section(entry.job).header
        raise Usage(f'{name} has no schedule; write one in {config.file} {header}: every = "1d".')
    if not jobs[entry.job].is_configured:
        raise Usage(f"{name} has nothing to do yet; see maint {entry.job} --help.")
    return entry


def _find(config: Config, key: str, jobs: Mapping[str, Declared]) -> Entry:
    if key in jobs:
        return own(config, key, jobs[key])
    known = {planned.name: planned for planned in config.schedules}
    if key in known:
        return _planned(config, known[key], jobs)[0]
    raise Usage(f"There is no entry {quote(key)}; {hint(key, [*jobs, *known])}")


def own(config: Config, name: str, one: Declared) -> Entry:
    """The entry of a job's own schedule."""
    given = read_words(one.job, one.options, config.section(name))
    entry = Entry(
        key=name,
        job=name,
        summary=one.job.summary,
        expressions=one.schedule.expressions,
        zone=one.schedule.zone,
        timeout_seconds=one.schedule.timeout_seconds
        * _databases(config, one.job, given, config.section(name)),
        options=one.options,
        every=one.every,
        heavy=_is_heavy(one.job, one.schedule.timeout_seconds, given),
        parallelism=_parallelism(config.section(name), one.job),
        is_default=not {"schedule", "every"} & config.section(name).values.keys(),
    )
    return _as_started(config, entry, one.job, given)


def _as_started(config: Config, entry: Entry, job: Job, given: Mapping[str, object]) -> Entry:
    """`entry` with the variables that its run needs, and what a scheduler must know of a trigger.

    That is started once only: an answer that was lost may mean that the POST arrived.
    """
    database = entry.secrets if job.needs_database or not given.get("no_ledger") else ()
    told = config.observers
    secrets = tuple(dict.fromkeys((*database, *job.secrets, *told.secrets)))
    further = dict.fromkeys((*job.variables, *told.variables))
    variables = tuple(name for name in further if name not in secrets)
    entry = entry._replace(secrets=secrets, variables=variables)
    trigger = config.triggers.get(entry.job)
    if trigger is None:
        return entry
    return entry._replace(words=(registry.TRIGGER, trigger.name), repeatable=False)


def _planned(
    config: Config, planned: "Planned", jobs: Mapping[str, Declared]
) -> tuple[Entry, bool]:
    """The entry, and whether it is on and there is something to do; checked in any case."""
    job = _job(planned, jobs)
    words = option_words(planned)
    given = read_words(job, words, planned)
    zone = planned.text("timezone") or config.timezone
    seconds = timeout_seconds(config, job, given)
    entry = Entry(
        key=planned.name,
        job=job.name,
        summary=job.summary,
        expressions=shorthand.expressions(planned, planned.name, zone),
        zone=zone,
        timeout_seconds=seconds * _databases(config, job, given, planned),
        options=words,
        every=every_text(planned),
        heavy=_is_heavy(job, seconds, given),
        parallelism=_parallelism(planned, job),
    )
    is_on = planned.boolean("enabled") is not False and is_configured(config, job, given)
    return _as_started(config, entry, job, given), is_on and bool(entry.expressions)


def _job(planned: "Planned", jobs: Mapping[str, Declared]) -> Job:
    if planned.job not in jobs:
        raise ConfigError(
            f"{planned.place('job')}: there is no job {quote(planned.job)};"
            f" {hint(planned.job, jobs)}"
        )
    if planned.name in jobs or planned.name in registry.COMMANDS:
        raise planned.wrong(
            "name",
            f"{planned.name} is a job or a command of maint; take e.g. {planned.name}-nightly",
        )
    return jobs[planned.job].job


def _databases(config: Config, job: Job, given: Mapping[str, object], section: Section) -> int:
    """How many runs, one after the other, a command makes. Raises ConfigError for one that is
    refused when it is due.
    """
    if given.get("database") != ALL:
        return 1
    if not job.needs_database:
        raise section.wrong(
            "options", "--database all would send it once for each database; name one, or none"
        )
    return max(1, len(config.databases))


def _is_heavy(job: Job, seconds: float, given: Mapping[str, object]) -> bool:
    return seconds > _LIGHT_SECONDS and _can_share(job) and not given.get("dry_run")


def _can_share(job: Job) -> bool:
    return any(option.name == "shard" for option in job.settings)


def _parallelism(section: Section, job: Job) -> int:
    found = parallelism(section)
    if found > 1 and not _can_share(job):
        raise section.wrong(
            "parallelism", f"{job.name} cannot be divided; only what sweeps tables can"
        )
    return found
