"""The words of `options`: what a scheduler puts on a job's command line."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from maintcli.cli.given import is_option, lacks_value
from maintcli.cli.params import shared
from maintcli.config.messages import hint, quote
from maintcli.config.option import Kind, Option
from maintcli.config.resolve import Resolver
from maintcli.config.section import Section
from maintcli.errors import ConfigError, Usage
from maintcli.runtime.job import Job


class _Flag(NamedTuple):
    """What a flag sets: the option `name`, to its value or to `sets`."""

    name: str
    sets: bool | None
    option: Option | None = None


def read(job: Job, words: Sequence[str], section: Section) -> dict[str, object]:
    """What `words` give, by option. Raises ConfigError for any that the job would refuse."""
    if not words:
        return {}
    known, given = _known(job), dict[str, object]()
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        flag = known.get(name)
        if flag is None:
            raise _unknown(job, name, known, section)
        if flag.sets is not None:
            if equals:
                raise section.wrong("options", f"{name} takes no value; write {name} alone")
            given[flag.name] = flag.sets
            continue
        found = value if equals else next(rest, None)
        if found is None:
            raise section.wrong("options", f"{name} lacks its value; write it as the next word")
        if not equals and is_option(found):
            raise section.wrong("options", lacks_value(name, found))
        given[flag.name] = found
        _check(job, flag.option, found, section)
    return given


def given(job: Job, words: Sequence[str]) -> Sequence[str]:
    """`words` as they were given on a command line. Raises Usage for any that the job refuses."""
    try:
        read(job, words, Section(""))
    except ConfigError as error:
        raise Usage(str(error)) from None
    return words


def _known(job: Job) -> Mapping[str, _Flag]:
    found: dict[str, _Flag] = {}
    for option in job.settings:
        is_flag = option.kind is Kind.FLAG
        flag = _Flag(option.name, True if is_flag else None, option)
        found |= {name: flag for name in (option.flag, option.short) if name}
        if is_flag and option.configurable:
            found[f"--no-{option.key}"] = flag._replace(sets=False)
    for parameter in shared():
        sets = True if parameter.annotation == bool | None else None
        for name in parameter.default.param_decls:
            found[name] = _Flag(parameter.name, sets)
    return found


def _check(job: Job, option: Option | None, value: str, section: Section) -> None:
    if option is None:
        return
    try:
        Resolver(job.name, section, Path()).one(option, value)
    except Usage as error:
        raise ConfigError(f"{section.place('options')}: {error}") from None


def _unknown(job: Job, name: str, known: Mapping[str, _Flag], section: Section) -> ConfigError:
    if not name.startswith("-"):
        return section.wrong(
            "options", f"{quote(name)} is no option; {job.name} takes options alone: --limit 1000"
        )
    return ConfigError(
        f"{section.place('options')}: {job.name} has no option {quote(name)}; {hint(name, known)}"
    )
