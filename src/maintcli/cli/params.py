"""From a job's options to Typer's, and the options that reach a command before its job."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import typer
from typer.main import get_command

from maintcli.cli.given import GivenCommand
from maintcli.config.option import Kind, Option


def command(
    name: str,
    help_text: str,
    options: Sequence[Option],
    run: Callable[[Mapping[str, Any]], None],
    *,
    part: str = "jobs",
) -> Any:
    """A Typer command whose parameters are `options`; `run` gets what was given, by name.

    `part` is the table of maint.toml that holds the section of the command.
    """
    parameters = [parameter(name, option, f"{part}.{name}") for option in options]
    return build(name, help_text, [*parameters, *shared()], run)


def build(
    name: str,
    help_text: str,
    parameters: Sequence[inspect.Parameter],
    run: Callable[[Mapping[str, Any]], None],
) -> Any:
    """A Typer command with these parameters."""

    def callback(**given: Any) -> None:
        run(given)

    callback.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    callback.__annotations__ = {p.name: p.annotation for p in parameters}
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name, cls=GivenCommand, help=help_text)(callback)
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
