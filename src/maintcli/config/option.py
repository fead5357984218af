"""A setting of a job: its flag, variable and TOML key, declared once; and its value in a run."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    NamedTuple,
    NoReturn,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from maintcli.config import values
from maintcli.config.duration import Duration
from maintcli.config.messages import closest, mask, sentence
from maintcli.config.section import Section
from maintcli.config.variables import Sourced
from maintcli.errors import ConfigError, Usage


class Kind(StrEnum):
    """What sort of value an option takes; the text is what stands for it in `--help`."""

    DURATION = "duration"
    INTEGER = "integer"
    PERCENT = "percent"
    FLAG = "flag"
    TEXT = "text"
    CHOICE = "choice"
    PATH = "path"
    LOCATION = "location"  # a folder, or the URL of a bucket
    LIST = "list"


class _Form(NamedTuple):
    """How values of a kind are written: parser, example, and bounds where the option has none."""

    parse: Callable[[object], Any]
    example: str
    least: str | None = None
    most: str | None = None


_FORMS: Final = {
    Kind.DURATION: _Form(values.age, "30m", least="0"),
    Kind.INTEGER: _Form(values.integer, "1000", least="0"),
    Kind.PERCENT: _Form(values.percent, "50", least="0", most="100"),
    Kind.FLAG: _Form(values.flag, "true"),
    Kind.TEXT: _Form(values.text, "text"),
    Kind.PATH: _Form(values.path, "some/path"),
    Kind.LOCATION: _Form(values.text, "some/folder"),
    Kind.LIST: _Form(values.texts, "one,two"),
}
"""All kinds but CHOICE, whose values stand in the option."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """One setting; `name` is the parameter's (`stale_after`), `default` its typed value or None.

    `min` and `max` are written as a user would write the value. Without them numbers and
    durations may not be negative and a percentage is at most 100.
    `configurable=False` means: by the flag only, never by a variable or maint.toml.
    `guarded` means: a value out of bounds is not wrong usage, a guard refuses it in the run.
    `needs` names an option that must be given too, `excludes` one that must not be.
    """

    name: str
    kind: Kind
    default: Any = None
    help: str = ""
    min: str | None = None
    max: str | None = None
    choices: tuple[str, ...] = ()
    metavar: str | None = None
    short: str | None = None
    configurable: bool = True
    guarded: bool = False
    needs: str | None = None
    excludes: str | None = None

    @property
    def key(self) -> str:
        """The TOML key: `stale-after`."""
        return self.name.replace("_", "-")

    @property
    def flag(self) -> str:
        """The long flag: `--stale-after`."""
        return f"--{self.key}"

    def variable(self, job: str) -> str:
        """The environment variable for `job`; without a job, that of a global setting."""
        words = f"maint_{job}_{self.name}" if job else f"maint_{self.name}"
        return "".join(c if c.isalnum() else "_" for c in words).upper()

    @property
    def example(self) -> str:
        """A value that this option would take, as a user writes it."""
        if self.default not in (None, ()):
            return self.show(self.default)
        if self.kind is Kind.CHOICE:
            return self.choices[0]
        if self.kind is Kind.LIST and self.choices:
            return ",".join(self.choices)
        return self.min or _FORMS[self.kind].example

    def parse(self, value: object) -> Any:
        """The typed value of a flag's or variable's text or of a TOML value.

        Raises ValueError with a clause that fits behind the option's name.
        """
        if self.kind is Kind.CHOICE:
            return values.one_of(value, self.choices)
        if self.kind is Kind.LIST and self.choices:
            return tuple(values.one_of(one, self.choices) for one in values.texts(value))
        return _FORMS[self.kind].parse(value)

    def check_bounds(self, value: Any) -> str | None:
        """What is wrong with a parsed value, as a clause, or None when it is within bounds."""
        form = _FORMS.get(self.kind)
        low = self.min if self.min is not None or form is None else form.least
        high = self.max if self.max is not None or form is None else form.most
        if low is not None and _rank(value) < _rank(self.parse(low)):
            return f"{self.show(value)} {self._too_low(value)}; it must be at least {low}"
        if high is not None and _rank(value) > _rank(self.parse(high)):
            return f"{self.show(value)} is too large; it must be at most {high}"
        return None

    def show(self, value: Any) -> str:
        """A parsed value as a user would write it; parsing it again gives the same value."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, tuple):
            return ",".join(cast("tuple[str, ...]", value))
        if isinstance(value, float):
            return f"{value:g}" if float(f"{value:g}") == value else repr(value)
        return str(value)

    def _too_low(self, value: Any) -> str:
        if self.kind is Kind.DURATION and _rank(value) < 0:
            return "lies in the future"
        return "is too small"


def _rank(value: Any) -> float:
    return value.approx_seconds if isinstance(value, Duration) else value


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


_TYPO: Final = 0.8


class Resolver(NamedTuple):
    """Resolves the options of `job`, whose section of maint.toml is `section`.

    A relative path in maint.toml is relative to `base`. `reserved` are keys that are no options.
    """

    job: str
    section: Section
    base: Path
    reserved: tuple[str, ...] = ()

    def resolve(
        self, options: Sequence[Option], flags: Mapping[str, object | None]
    ) -> dict[str, Sourced[Any]]:
        """Each option's value by its name: flag, then variable, then maint.toml, then default.

        Raises Usage for a bad flag and ConfigError for a bad variable or key, with what is wrong,
        where, and what to do.
        """
        self.check_keys(options)
        self._check_variables(options)
        values = {option.name: self.one(option, flags.get(option.name)) for option in options}
        for option in options:
            _check_company(option, values)
        return values

    def check_keys(self, options: Sequence[Option]) -> None:
        """Raise ConfigError for a key of the section that is neither an option nor reserved."""
        for option in options:
            if not option.configurable and option.key in self.section.values:
                _flag_only(option, self.section.place(option.key), "remove it")
        keys = [option.key for option in options if option.configurable]
        self.section.only([*keys, *self.reserved])

    def check_values(self, options: Sequence[Option]) -> None:
        """Raise ConfigError for a value of the section that no run could use.

        A value that holds `${NAME}` is left for the run, which knows the variables.
        """
        for option in options:
            written = self.section.values.get(option.key)
            if option.configurable and written is not None and "${" not in _as_text(written):
                self._from_toml(option)

    def _check_variables(self, options: Sequence[Option]) -> None:
        known = {option.variable(self.job): option for option in options}
        prefix = Option(name="", kind=Kind.TEXT).variable(self.job)
        for name in self.section.variables:
            if not name.startswith(prefix):
                continue
            option = known.get(name)
            if option is None:
                self._check_spelling(name, prefix, known)
            elif not option.configurable:
                _flag_only(option, self.section.variables.origin(name), "unset it")

    def _check_spelling(self, name: str, prefix: str, known: Mapping[str, Option]) -> None:
        """Refuse a misspelt variable, which would silently leave the default in force.

        Only near misses count, since the prefix may also be that of another, longer job name.
        """
        word = name.removeprefix(prefix)
        words = [k.removeprefix(prefix) for k in known if abs(len(k) - len(name)) <= 1]
        near = closest(word, words, cutoff=_TYPO) if words else None
        if near is not None:
            origin = self.section.variables.origin(name)
            raise ConfigError(
                f"{origin}: no such setting of {self.job}; did you mean {prefix}{near}?"
            )

    def one(self, option: Option, given: object | None = None) -> Sourced[Any]:
        """The value of one option. Raises Usage or ConfigError."""
        if given is not None:
            return self._from_flag(option, given)
        if option.configurable:
            variable = option.variable(self.job)
            if variable in self.section.variables:
                return self._from_variable(option, variable)
            if option.key in self.section.values:
                return self._from_toml(option)
        return Sourced(option.default, "default", option.show(option.default))

    def _from_flag(self, option: Option, given: object) -> Sourced[Any]:
        value, clause = _try(option, given)
        if clause:
            raise Usage(_sentence(option.flag, clause, option, "leave it out"))
        return Sourced(value, option.flag, mask(option.show(value)))

    def _from_variable(self, option: Option, variable: str) -> Sourced[Any]:
        found = self.section.variables[variable]
        written = self.section.variables.raw(variable)
        value, clause = _try(option, found.value, written)
        if clause:
            raise ConfigError(_sentence(found.origin, clause, option, "unset it"))
        return Sourced(value, found.origin, _shown(option, value, found.value, written))

    def _from_toml(self, option: Option) -> Sourced[Any]:
        written, place = self.section.values[option.key], self.section.place(option.key)
        filled = self._fill(written, place)
        value, clause = _try(option, filled, written)
        if clause:
            raise ConfigError(_sentence(place, clause, option, "remove the line"))
        if isinstance(value, Path):
            value = self.base / value
        elif option.kind is Kind.LOCATION:
            value = anchored(value, self.base)
        return Sourced(value, place, _shown(option, value, filled, written))

    def _fill(self, written: object, place: str) -> object:
        if isinstance(written, str):
            return self.section.variables.fill(written, place)
        if isinstance(written, list):
            return [self._fill(part, place) for part in cast("list[object]", written)]
        return written


def anchored(location: str, base: Path) -> str:
    """A folder of maint.toml as a whole path; a URL, and a path from a home, as they are."""
    return location if "://" in location or location.startswith("~") else str(base / location)


def _try(option: Option, given: object, written: object = None) -> tuple[Any, str]:
    """The parsed value, or the clause that says what is wrong with it."""
    if isinstance(given, str) and not given.strip():
        return None, "it is blank"
    try:
        value = option.parse(given)
        clause = "" if option.guarded else option.check_bounds(value) or ""
    except ValueError as error:
        value, clause = None, str(error)
    if clause and written not in (None, given):  # NaN is what it is, and unequal
        # What was filled in may be a secret put in the wrong place.
        stands = mask(_as_text(written))
        clause = f"what {stands} stands for is not valid; give e.g. {option.example}"
    return value, clause


def _sentence(origin: str, clause: str, option: Option, way_out: str) -> str:
    if clause == "it is blank":
        return f"{origin} is blank; give it a value such as {option.example}, or {way_out}."
    return sentence(f"{origin}: {clause}")


def _shown(option: Option, value: object, filled: object, written: object) -> str:
    return mask(_as_text(written)) if filled != written else mask(option.show(value))


def _as_text(written: object) -> str:
    if isinstance(written, list):
        return ",".join(str(part) for part in cast("list[object]", written))
    return str(written)


def _check_company(option: Option, values: Mapping[str, Sourced[Any]]) -> None:
    value, origin, _ = values[option.name]
    if not value or origin == "default":
        return
    if option.needs and not values[option.needs].value:
        needed = _flag(option.needs)
        raise Usage(f"{origin} goes only with {needed}; leave it out or give {needed} too.")
    if option.excludes and values[option.excludes].value:
        raise Usage(f"{origin} does not go with {_flag(option.excludes)}; leave out one.")


def _flag(name: str) -> str:
    return Option(name=name, kind=Kind.FLAG).flag


def _flag_only(option: Option, origin: str, way_out: str) -> NoReturn:
    raise ConfigError(
        f"{origin}: {option.key} is taken from the flag {option.flag} alone; {way_out}."
    )
