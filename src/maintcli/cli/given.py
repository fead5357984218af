"""Commands whose options stay as they were given: text, or a flag's true.

Reading them is our work: a blank variable must stay an error where Typer would take the default.
And newest Typer imports pydantic to read any value, even a flag's absence (+110 ms at start-up).
"""

from functools import partial
from typing import Any

from typer.core import TyperCommand, TyperGroup


def _as_given(parameter: Any, context: Any, value: Any) -> Any:
    text = value if isinstance(value, str | bool) else None
    return parameter.callback(context, parameter, text) if parameter.callback else text


def _unread(parameters: list[Any]) -> list[Any]:
    for parameter in parameters:
        parameter.process_value = partial(_as_given, parameter)
    return parameters


class GivenCommand(TyperCommand):
    """A command that hands on what was given."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters, --help among them."""
        return _unread(super().get_params(ctx))


class GivenGroup(TyperGroup):
    """A group that does the same with its own options."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters, --help among them."""
        return _unread(super().get_params(ctx))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command; say only once what may have been meant: Typer and new Click both do."""
        try:
            return super().resolve_command(ctx, args)
        except Exception as error:
            if "Did you mean" in str(getattr(error, "message", "")) and "possibilities" in vars(
                error
            ):
                vars(error)["possibilities"] = ()
            raise
