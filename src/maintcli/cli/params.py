"""From a job's options to Typer's, and the options that reach a command before its job."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import typer
from typer.main import get_command

from maintcli.config.option import Kind, Option


def command(
    name: str, help_text: str, options: Sequence[Option], run: Callable[[Mapping[str, Any]], None]
) -> Any:
    """A Typer command whose parameters are `options`; `run` gets what was given, by name.

    What was given stays text. Reading it is our work: a blank variable must stay an error where
    Typer would take the default, and newest Typer imports pydantic to read any value (+110 ms).
    """

    def callback(**given: Any) -> None:
        run(given)

    parameters = [_parameter(name, option) for option in options] + _shared()
    callback.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    callback.__annotations__ = {p.name: p.annotation for p in parameters}
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name, help=help_text)(callback)
    built: Any = get_command(app)
    for parameter in built.params:
        parameter.process_value = _as_given
    return built


def _as_given(_context: Any, value: Any) -> Any:
    return value if isinstance(value, str | bool) else None


def _parameter(job: str, option: Option) -> inspect.Parameter:
    flag = option.kind is Kind.FLAG
    names = [option.flag, *([option.short] if option.short else [])]
    if flag and option.configurable:
        names[0] += f"/--no-{option.key}"
    info = typer.Option(
        None,
        *names,
        help=f"{option.help}  [{'; '.join(_notes(job, option))}]"
        if _notes(job, option)
        else option.help,
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


def _notes(job: str, option: Option) -> list[str]:
    notes = (
        [f"default: {option.show(option.default)}"] if option.default not in (None, False) else []
    )
    if option.configurable:
        notes += [f"env: {option.variable(job)}", f"toml: [jobs.{job}] {option.key}"]
    return notes


def _shared() -> list[inspect.Parameter]:
    """How the result is shown, and where the configuration is."""
    text, flag = str | None, bool | None
    return [
        _keyword(
            "json",
            flag,
            typer.Option(None, "--json", help="Print one JSON object instead of text."),
        ),
        _keyword(
            "quiet", flag, typer.Option(None, "--quiet", "-q", help="Print nothing on success.")
        ),
        _keyword(
            "verbose",
            flag,
            typer.Option(None, "--verbose", "-v", help="Log what is looked at and decided, too."),
        ),
        _keyword(
            "log_file",
            text,
            typer.Option(
                None,
                "--log-file",
                metavar="PATH",
                help="Append log lines to this file, too.  [env: MAINT_LOG_FILE]",
            ),
        ),
        _keyword(
            "config",
            text,
            typer.Option(
                None,
                "--config",
                metavar="PATH",
                help="Configuration to read instead of ./maint.toml.  [env: MAINT_CONFIG]",
            ),
        ),
        _keyword(
            "env_file",
            text,
            typer.Option(
                None,
                "--env-file",
                metavar="PATH",
                help="Variables to read instead of ./.env.  [env: MAINT_ENV_FILE]",
            ),
        ),
        _keyword(
            "database",
            text,
            typer.Option(
                None,
                "--database",
                metavar="NAME",
                help="A database of the configuration: [databases.NAME].  [env: MAINT_DATABASE]",
            ),
        ),
    ]
