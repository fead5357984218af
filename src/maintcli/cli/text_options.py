"""Commands whose options stay as they were given: text, or a flag's true.

Reading them is our work: a blank variable must stay an error where Typer would take the default.
And newest Typer imports pydantic to read any value, even a flag's absence (+110 ms at start-up).
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from typer.core import TyperCommand, TyperGroup

from maintcli.config.messages import mask
from maintcli.errors import Usage


def is_option(word: str) -> bool:
    """Whether a word that stands where a value should be is rather an option: `-5` and `-` (the
    standard input or output) are values, all else that begins with a hyphen is none.
    """
    return word[:1] == "-" and word[1:2] not in {"", ".", *"0123456789"}


def lacks_value(flag: str, word: str) -> str:
    """What is wrong where the option `word` follows `flag`, as a clause."""
    word = mask(word)
    return f"{flag} lacks its value: {word} follows; if that is the value, write {flag}={word}"


def refuse_options_as_values(
    parameters: Iterable[Any], words: Sequence[str], *, interspersed: bool
) -> None:
    """Raise Usage where an option would be taken for the value of the one before it.

    Click takes the next word whatever it is, so that `--archive --dry-run` were a real run with an
    archive called --dry-run.
    """
    takes_value = {
        name: not (parameter.is_flag or parameter.count)
        for parameter in parameters
        if parameter.param_type_name == "option"
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
    rest = iter(words)
    for word in rest:
        if word == "--":
            return
        if word[:1] != "-" and not interspersed:
            return
        flag = _flag_that_waits(word, takes_value)
        following = next(rest, "") if flag else ""
        if is_option(following):
            raise Usage(f"{lacks_value(flag, following)}.")


def _flag_that_waits(word: str, takes_value: Mapping[str, bool]) -> str:
    """The option in `word` whose value is the next word; blank where there is none."""
    if word in takes_value or word[:2] == "--":
        return word if takes_value.get(word) else ""
    for place, letter in enumerate(word[1:] if word[:1] == "-" else "", start=2):
        if takes_value.get(f"-{letter}"):
            return "" if word[place:] else f"-{letter}"
    return ""


def _as_given(parameter: Any, context: Any, value: Any) -> Any:
    text = value if isinstance(value, str | bool) else None
    return parameter.callback(context, parameter, text) if parameter.callback else text


def _unread(parameters: list[Any]) -> list[Any]:
    for parameter in parameters:
        parameter.process_value = partial(_as_given, parameter)
    return parameters


class StrictCommand(TyperCommand):
    """A command no option of which is taken for the value of another."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the words apart. Raises Usage."""
        if not ctx.resilient_parsing:  # the shell completes a line that is not done
            refuse_options_as_values(
                self.get_params(ctx), args, interspersed=ctx.allow_interspersed_args
            )
        return super().parse_args(ctx, args)


class TextCommand(StrictCommand):
    """A command that hands on what was given."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters, --help among them."""
        return _unread(super().get_params(ctx))


class TextGroup(TyperGroup):
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
