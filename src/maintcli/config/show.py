"""What `maint config` writes: every setting in force, and a commented maint.toml."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, cast

from maintcli.config.database import DatabaseSource
from maintcli.config.load import MAX_CONCURRENT_JOBS
from maintcli.config.messages import MASK, mask
from maintcli.config.model import Config
from maintcli.config.option import Kind, Option
from maintcli.config.scheduler import KEYS, default
from maintcli.config.section import Section
from maintcli.config.tables import TableMap


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of `config show`: `[section] key`, its value with secrets masked, its origin."""

    section: str
    key: str
    value: str
    origin: str


def settings(
    config: Config,
    jobs: Sequence[tuple[str, Sequence[Option]]],
    secrets: Mapping[str, Sequence[str]] = MappingProxyType({}),
    variables: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> list[Setting]:
    """Every setting in force; `jobs` gives each job's name and options, `secrets` and `variables`
    by the job's name what it reads from the environment. Raises ConfigError.
    """
    rows = [*_global(config)]
    for source in config.databases.values():
        rows += _database(config, source)
    for key, table in config.tables.items():
        rows += _table(config, key, table)
    for job, options in jobs:
        rows += _job(config, job, options)
        rows += _needed(config, job, secrets.get(job, ()), variables.get(job, ()))
    for number, rule in enumerate(config.retention, start=1):
        rows += _written_in(rule.section, f"retention.{number}")
    for planned in config.schedules:
        rows += _written_in(planned, f"schedules.{planned.number}")
    rows += _written_in(config.scheduler, "schedule")
    for name, observer in config.observers.each.items():
        rows += _written_in(observer.section, f"observers.{name}")
    return rows


def _global(config: Config) -> Iterator[Setting]:
    limit = config.max_concurrent
    yield Setting("", "max-concurrent-jobs", limit.shown, limit.origin)
    if config.plugins:
        yield Setting("", "plugins", ", ".join(config.plugins), f"{config.file} plugins")


def _database(config: Config, source: DatabaseSource) -> Iterator[Setting]:
    origin = source.url_origin(config.variables)
    yield Setting(source.section, "url", MASK if origin else "", origin or "not set")
    if source.schema is None:
        yield Setting(source.section, "schema", "", "the first of the search path")
    else:
        yield Setting(source.section, "schema", source.schema.value, source.schema.origin)


def _table(config: Config, key: str, table: TableMap) -> Iterator[Setting]:
    section = Section(config.file, ("tables", key))
    values = {"name": table.name, "timezone": table.timezone, "epoch": table.epoch}
    for name, value in values.items():
        if value is not None:
            yield Setting(f"tables.{key}", name, value, section.place(name))
    for name, column in table.columns.items():
        origin = f"{config.file} [tables.{key}.columns] {name}"
        yield Setting(f"tables.{key}.columns", name, column, origin)


def _job(config: Config, job: str, options: Sequence[Option]) -> Iterator[Setting]:
    found, section = config.resolve(job, options, {}), config.section(job)
    name = ".".join(section.path)
    for option in options:
        if option.configurable:
            setting = found[option.name]
            yield Setting(name, option.key, setting.shown, setting.origin)
    keys = {option.key for option in options}
    for key, value in section.values.items():
        if key not in keys:
            yield Setting(name, key, mask(_written(value)), section.place(key))


def _needed(
    config: Config, job: str, secrets: Sequence[str], variables: Sequence[str]
) -> Iterator[Setting]:
    name = ".".join(config.section(job).path)
    for variable in (*secrets, *variables):
        found = config.variables.get(variable)
        origin = found.origin if found else "not set"
        value = mask(config.variables.raw(variable)) if found else ""
        yield Setting(name, variable, MASK if found and variable in secrets else value, origin)


def _written_in(section: Section, name: str) -> Iterator[Setting]:
    for key, value in section.values.items():
        yield Setting(name, key, mask(_written(value)), section.place(key))


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(str(part) for part in cast("list[object]", value))
    return str(value)


JobSection = tuple[str, str | None, Sequence[Option]]
"""A job's name, its schedule (None: it has none) and its options."""

_NUMBERS: Final = frozenset({Kind.INTEGER, Kind.PERCENT})

_INTRODUCTION: Final = """\
# Settings of maint. Stronger than a line here: .env, then the environment, then a flag.
# Every line is optional; "maint config show" says what is in force and where it came from.
# Text may hold ${NAME}, filled in from the environment.
"""
_SECTIONS: Final = """
# The jobs that are enabled, where none has a section of settings:
# jobs = ["cleanup-sessions", "cleanup-run-history"]
# With settings, the section enables the job, and this line has to go: [jobs.cleanup-sessions]

# Distributions whose jobs may run, by the name under which they are installed.
#plugins = []

# The database. DATABASE_URL is stronger than url. A secret may lie elsewhere:
# "file:/run/secrets/database-url" or "env:NAME".
#[database]
# url = "postgresql://user@host/database"
# The schema of the toolkit's own tables; without it, the first of the search path.
# schema = "maint"

# More databases, chosen with --database NAME.
# [databases.reporting]
# url = "env:REPORTING_URL"

# What your tables and columns are called, where they differ from the reference schema.
# [tables.active_sessions]
# name = "auth.sessions"
# timezone = "UTC"  # of a timestamp column without time zone
# epoch = "s"  # of an integer column: "s" or "ms"
# [tables.active_sessions.columns]
# last_heartbeat = "seen_at"
# [tables.jobs.statuses]
# pending = "queued"
"""
_MORE_SECTIONS: Final = """
# A sweeping job of your own, with its own name: "maint old-mail".
# [sweeps.old-mail]
# table = "mail.messages"
# column = "sent_at"
# keep = "90d"
# where = "status = 'sent'"  # SQL as it stands, which needs the next line
# allow-sql = true
# schedule = "0 5 * * *"

# A job once more, at other times or with other options; H is a value that stays the same.
# [[schedules]]
# name = "old-mail-noon"
# job = "old-mail"
# schedule = "H 12 * * 1-5"  # or only how often: every = "6h"
# options = ["--limit", "1000"]

# A POST to a backend that does the work itself: "maint trigger process-pending". It sends
# X-Cron-Secret from CRON_SECRET; auth may also be "basic", "bearer" or "none".
# [triggers.process-pending]
# url = "${BACKEND_URL}/api/jobs/process-pending"
# auth = "cron-secret"
# schedule = "* * * * *"

# A backend with endpoints for an administrator is asked the same way, as the user
# ADMIN_BASIC_USERNAME with the password ADMIN_BASIC_PASSWORD. Five that many have:
# [triggers.cleanup]
# url = "${API_BASE}/v1/admin/cleanup"
# auth = "basic"
# description = "Clean up orphaned data and reconcile straggler jobs."
# schedule = "0 4 * * *"
# [triggers.email-scan]
# url = "${API_BASE}/v1/admin/email-scan"
# auth = "basic"
# description = "Scan inbound email."
# schedule = "*/5 * * * *"
# [triggers.retention-cleanup]
# url = "${API_BASE}/v1/admin/retention/cleanup"
# auth = "basic"
# description = "Apply the retention policies."
# schedule = "0 2 * * *"
# [triggers.export-dead-letter]
# url = "${API_BASE}/v1/admin/export-dead-letter"
# auth = "basic"
# description = "Replay failed exports."
# schedule = "*/15 * * * *"
# [triggers.outbox-dead-letter]
# url = "${API_BASE}/v1/admin/outbox/dead-letter"
# auth = "basic"
# description = "Replay failed notifications and webhooks."
# schedule = "*/15 * * * *"

# What retention-cleanup keeps, and for how long: one block for each rule.
# [[retention]]
# table = "audit.events"
# column = "created_at"
# keep = "13mo"
"""


def render(jobs: Sequence[JobSection]) -> str:
    """The text of the file, with a section for each of `jobs`."""
    sections = [line for job in jobs for line in _job_lines(*job)]
    parts = [*_option(MAX_CONCURRENT_JOBS), _SECTIONS, *_scheduler_lines(), _MORE_SECTIONS]
    return "\n".join([_INTRODUCTION, *parts, *sections])


def _scheduler_lines() -> Iterator[str]:
    """[schedule], from its declaration."""
    yield '# The machine or the cluster that will start the jobs, for "maint schedule render".'
    yield "#[schedule]"
    yield "# The zone of schedules that name none."
    yield '#timezone = "UTC"'
    for name, key in KEYS.items():
        yield f"# {key.help}"
        given = default(name)
        yield f"#{name} = {quoted(given)}" if given else f"# {name} = {quoted(key.example)}"


def _job_lines(name: str, schedule: str | None, options: Sequence[Option]) -> Iterator[str]:
    yield f"#[jobs.{name}]"
    if schedule is not None:
        yield f"#schedule = {quoted(schedule)}"
    for option in options:
        if option.configurable:
            yield from _option(option)
    yield ""


def _option(option: Option) -> Iterator[str]:
    import textwrap

    notes = " ".join(part for part in (option.help, _limits(option)) if part)
    yield from (f"# {line}" for line in textwrap.wrap(notes, 96))
    if option.default in (None, ()):
        yield f"# {option.key} = {_value(option)}  # not set by default"
    else:
        yield f"#{option.key} = {_value(option)}"


def _limits(option: Option) -> str:
    if option.choices:
        return f"One of: {', '.join(option.choices)}."
    bounds = [f"at least {option.min}"] if option.min else []
    bounds += [f"at most {option.max}"] if option.max else []
    return f"{' and '.join(bounds).capitalize()}." if bounds else ""


def _value(option: Option) -> str:
    text = option.example
    if option.kind is Kind.LIST:
        return f"[{', '.join(quoted(part) for part in option.parse(text))}]"
    is_number = text.replace(".", "", 1).isdigit()
    if option.kind is Kind.FLAG or (option.kind in _NUMBERS and is_number):
        return text
    return quoted(text)


def quoted(text: str) -> str:
    """`text` as TOML writes it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'
