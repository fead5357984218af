"""The signature of a job's function, read as options."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from maintcli.config.duration import Duration
from maintcli.config.option import Kind, Option


@dataclass(frozen=True, slots=True)
class Opt:
    """Says of a parameter what its type does not: `help`, and bounds as a user would write them.

    A value out of bounds is refused by the guards (exit 65) before the job does anything.
    """

    help: str
    min: str | None = None
    max: str | None = None
    kind: Kind | None = None
    metavar: str | None = None


_KINDS: Mapping[Any, Kind] = {
    Duration: Kind.DURATION,
    int: Kind.INTEGER,
    float: Kind.PERCENT,
    bool: Kind.FLAG,
    str: Kind.TEXT,
    tuple[str, ...]: Kind.LIST,
}


def options(function: Callable[..., object]) -> tuple[Option, ...]:
    """An option for each parameter but the first. Raises TypeError for one that cannot be."""
    hints = get_type_hints(function, include_extras=True)
    _, *parameters = inspect.signature(function).parameters.values()
    return tuple(_option(function.__name__, p, hints.get(p.name)) for p in parameters)


def _option(where: str, parameter: inspect.Parameter, hint: Any) -> Option:
    kind, *marks = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    opt = next((mark for mark in marks if isinstance(mark, Opt)), None)
    if opt is None or parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
        raise TypeError(f"{where}: {parameter.name} must be keyword-only and Annotated[…, Opt(…)]")
    plain = (
        next((a for a in get_args(kind) if a is not type(None)), kind)
        if type(None) in get_args(kind)
        else kind
    )
    of_one = get_args(plain)[0] if get_origin(plain) is tuple else plain
    choices = get_args(of_one) if get_origin(of_one) is Literal else ()
    several = tuple[str, ...] if choices and of_one is not plain else plain
    found = opt.kind or (Kind.CHOICE if choices and of_one is plain else _KINDS.get(several))
    if found is None or parameter.default is inspect.Parameter.empty:
        raise TypeError(
            f"{where}: {parameter.name} needs a default and a type that a flag can have"
        )
    return Option(
        name=parameter.name,
        kind=found,
        default=parameter.default,
        help=opt.help,
        min=opt.min,
        max=opt.max,
        choices=choices,
        guarded=True,
        metavar=opt.metavar,
    )
