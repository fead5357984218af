"""A job's options as Typer's, and read from the words that a scheduler puts on its command line."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import typer
from typer.main import get_command

from maintcli.cli.text_options import TextCommand, is_option, lacks_value
from maintcli.config.messages import hint, quote
from maintcli.config.option import Kind, Option, Resolver
from maintcli.config.section import Section
from maintcli.errors import ConfigError, Usage
from maintcli.runtime.context import Job


def command(
    name: str,
    help_text: str,
    options: Sequence[Option],
    run: Callable[..., None],
    *,
    part: str = "jobs",
) -> Any:
    """A Typer command whose parameters are `options`; `run` gets what was given.

    That comes as keyword arguments. `part` is the table of maint.toml that holds the command's
    section.
    """
    parameters = [parameter(name, option, f"{part}.{name}") for option in options]
    return build(name, help_text, [*parameters, *shared()], run)


def build(
    name: str,
    help_text: str,
    parameters: Sequence[inspect.Parameter],
    run: Callable[..., None],
) -> Any:
    """A Typer command with these parameters."""
    callback = partial(run)
    callback.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    callback.__annotations__ = {p.name: p.annotation for p in parameters}
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name, cls=TextCommand, help=help_text)(callback)
    return get_command(app)


def parameter(job: str, option: Option, section: str) -> inspect.Parameter:
    """An option of `job`, which may also stand under [section] of maint.toml."""
    notes = _notes(job, option, section)
    flag = option.kind is Kind.FLAG
    names = [option.flag, *([option.short] if option.short else [])]
    if flag and option.configurable:
        names[0] += f"/--no-{option.key}"
    info = typer.Option(
        None,
        *names,
        help=f"{option.help}  [{'; '.join(notes)}]" if notes else option.help,
        metavar=None if flag else option.metavar or _metavar(option),
        show_default=False,
    )
    kind: Any = bool if flag else str
    return _keyword(option.name, kind | None, info)


def _keyword(name: str, annotation: Any, info: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=info, annotation=annotation
    )


def _metavar(option: Option) -> str:
    return "|".join(option.choices) if option.choices else option.kind.value.upper()


def _notes(job: str, option: Option, section: str) -> list[str]:
    default = option.default
    notes = [f"default: {option.show(default)}"] if default not in (None, False, ()) else []
    if option.configurable:
        notes += [f"env: {option.variable(job)}", f"toml: [{section}] {option.key}"]
    return notes


def shared() -> list[inspect.Parameter]:
    """How the result is shown, and where the configuration is."""
    return [
        given("json", bool, "--json", help="Print one JSON object instead of text."),
        *loudness(),
        *place(),
    ]


def loudness() -> list[inspect.Parameter]:
    """What is logged, and where to."""
    return [
        given("quiet", bool, "--quiet", "-q", help="Print nothing on success, not even warnings."),
        given("verbose", bool, "--verbose", "-v", help="Log what is looked at and decided, too."),
        given(
            "log_file",
            str,
            "--log-file",
            metavar="PATH",
            help="Append log lines to this file, too.  [env: MAINT_LOG_FILE]",
        ),
    ]


def place() -> list[inspect.Parameter]:
    """Where the configuration is, and which database of it."""
    return [
        given(
            "config",
            str,
            "--config",
            metavar="PATH",
            help="Configuration to read instead of ./maint.toml.  [env: MAINT_CONFIG]",
        ),
        given(
            "env_file",
            str,
            "--env-file",
            metavar="PATH",
            help="Variables to read instead of ./.env.  [env: MAINT_ENV_FILE]",
        ),
        given(
            "database",
            str,
            "--database",
            metavar="NAME",
            help="A database of the configuration: [databases.NAME]; all: a run in each of them,"
            " one after the other.  [env: MAINT_DATABASE]",
        ),
    ]


def given(name: str, kind: Any, *flags: str, **more: Any) -> inspect.Parameter:
    return _keyword(name, kind | None, typer.Option(None, *flags, **more))


class _Flag(NamedTuple):
    """What a flag sets: the option `name`, to its value or to `sets`."""

    name: str
    sets: bool | None
    option: Option | None = None


def read_words(job: Job, words: Sequence[str], section: Section) -> dict[str, object]:
    """What `words` give, by option. Raises ConfigError for any that the job would refuse."""
    if not words:
        return {}
    known, found = _known(job), dict[str, object]()
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        flag = known.get(name)
        if flag is None:
            raise _unknown(job, name, known, section)
        if flag.sets is not None:
            if equals:
                raise section.wrong("options", f"{name} takes no value; write {name} alone")
            found[flag.name] = flag.sets
            continue
        text = value if equals else next(rest, None)
        if text is None:
            raise section.wrong("options", f"{name} lacks its value; write it as the next word")
        if not equals and is_option(text):
            raise section.wrong("options", lacks_value(name, text))
        found[flag.name] = text
        _check(job, flag.option, text, section)
    return found


def checked_words(job: Job, words: Sequence[str]) -> Sequence[str]:
    """`words` as they were given on a command line. Raises Usage for any that the job refuses."""
    try:
        read_words(job, words, Section(""))
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
