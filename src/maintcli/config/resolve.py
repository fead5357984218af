"""A job's options, each from the strongest place that names it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn, cast

from maintcli.config.messages import closest, mask, sentence
from maintcli.config.option import Kind, Option
from maintcli.config.section import Section
from maintcli.config.timing import RESERVED
from maintcli.config.variables import Sourced
from maintcli.errors import ConfigError, Usage

_TYPO: Final = 0.8


class Resolver(NamedTuple):
    """Resolves the options of `job`, whose section of maint.toml is `section`.

    A relative path in maint.toml is relative to `base`. `reserved` are keys that are no options.
    """

    job: str
    section: Section
    base: Path
    reserved: tuple[str, ...] = RESERVED

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
