"""Every effective setting with where it came from, for `maint config show`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

from maintcli.config.database import DatabaseSource
from maintcli.config.messages import MASK, mask
from maintcli.config.model import Config
from maintcli.config.option import Option
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
