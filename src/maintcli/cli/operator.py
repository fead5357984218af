"""Operator commands: a typed function is its command line."""

import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any, cast, get_type_hints

import typer
from typer.main import get_command

from maintcli.cli.location import ConfigLocation, Loudness, entries
from maintcli.cli.options import loudness, place
from maintcli.cli.render_options import RenderOptions, render_options
from maintcli.cli.text_options import StrictCommand, TextGroup
from maintcli.config import values
from maintcli.config.messages import sentence
from maintcli.errors import Fail, Usage

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]

_READERS: dict[Any, Callable[[str], Any]] = {int: values.integer, float: values.decimal}
_COMPOSED: dict[Any, Callable[[], list[inspect.Parameter]]] = {
    ConfigLocation: place,
    Loudness: loudness,
    RenderOptions: render_options,
}


def operator(name: str) -> Callable[[Callable[..., int | None]], Any]:
    """Make a function the command `name`; what it returns is the exit code, None being 0.

    Parameters are those of Typer. One of type ConfigLocation, Loudness or RenderOptions stands for
    several options. Text is read here (see cli/text_options.py); a blank one is refused.
    """

    def build(function: Callable[..., int | None]) -> Any:
        types = get_type_hints(function)
        hints = get_type_hints(function, include_extras=True)

        class Command(StrictCommand):
            def get_params(self, ctx: Any) -> list[Any]:
                return [_reading(p, types) for p in super().get_params(ctx)]

        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        text = inspect.getdoc(function) or ""
        first = text.partition("\n")[0]
        app.command(name, cls=Command, help=text, short_help=first)(_callback(function, hints))
        return get_command(app)

    return build


def group(name: str, summary: str, *commands: Any) -> Any:
    """A command that only holds others."""
    return TextGroup(
        name=name,
        help=summary,
        commands={command.name: command for command in commands},
        no_args_is_help=True,
        rich_markup_mode=None,
    )


def agree(question: str, *, yes: bool) -> None:
    """Raise Fail unless whoever sits at the terminal agrees, or --yes did so beforehand."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Usage(f"{question} Nothing was changed. Give --yes where no one can answer.")
    if not typer.confirm(question, err=True):
        raise Fail("Nothing was changed.")


def complete_jobs() -> list[str]:
    """The names of jobs, for the shell's completion of an argument."""
    return list(entries())


def _callback(function: Callable[..., int | None], hints: Mapping[str, Any]) -> Any:
    """`function` with its composed parameters taken apart."""
    parts = {
        name: [p.name for p in _COMPOSED[hint]()]
        for name, hint in hints.items()
        if hint in _COMPOSED
    }

    def callback(**given: Any) -> None:
        for name, members in parts.items():
            given[name] = hints[name](**{member: given.pop(member) for member in members})
        code = function(**given)
        if code:
            raise typer.Exit(int(code))

    parameters = [p for one in _own(function) for p in _parameters(one, hints[one.name])]
    callback.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    callback.__annotations__ = {p.name: p.annotation for p in parameters}
    return callback


def _own(function: Callable[..., int | None]) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())


def _parameters(parameter: inspect.Parameter, hint: Any) -> list[inspect.Parameter]:
    if hint in _COMPOSED:
        return _COMPOSED[hint]()
    return [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hint)]


def _reading(parameter: Any, types: Mapping[str, Any]) -> Any:
    """`parameter`, its text read by us and its absence complained of by Typer."""
    kind = cast("Any", type(parameter))

    def process(context: Any, value: Any) -> Any:
        value = _read(parameter, types.get(parameter.name), value)
        if value is None and parameter.required:
            return kind.process_value(parameter, context, value)
        return parameter.callback(context, parameter, value) if parameter.callback else value

    parameter.process_value = process
    return parameter


def _read(parameter: Any, wanted: Any, value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_text(parameter, part, str) for part in cast("tuple[str, ...]", value))
    if isinstance(value, str):
        return _text(parameter, value, wanted)
    return value if isinstance(value, bool | int | float) else None


def _text(parameter: Any, text: str, wanted: Any) -> Any:
    is_option = parameter.opts[0].startswith("-")
    name = parameter.opts[0] if is_option else parameter.name.upper()
    try:
        text.encode()
        return _READERS.get(wanted, str)(values.text(text))
    except UnicodeEncodeError:
        raise Usage(f"{name}: it is not UTF-8.") from None
    except ValueError as error:
        if not text.strip() and is_option:
            raise Usage(f"{name} is blank; give it a value, or leave it out.") from None
        raise Usage(sentence(f"{name}: {error}")) from None
