"""A table of maint.toml that knows what it is called, so that every error can say where."""

from collections.abc import Callable, Collection, Mapping
from typing import Final, TypeVar, cast

from maintcli.config import values as typed
from maintcli.config.messages import bare, closest, hint, sentence
from maintcli.config.variables import Variables
from maintcli.errors import ConfigError

NAME: Final = "[a-z][a-z0-9]*(-[a-z0-9]+)*"
"""A pattern of names that become commands, files of units, and labels."""

T = TypeVar("T")


class Section:
    """The values under `[path]` of `file`. Its methods raise ConfigError for a wrong type."""

    __slots__ = ("file", "path", "values", "variables")

    def __init__(
        self,
        file: str,
        path: tuple[str, ...] = (),
        values: Mapping[str, object] | None = None,
        variables: Variables | None = None,
    ) -> None:
        """Without `values` it is empty; without `variables` nothing can be filled in."""
        self.file: Final = file
        self.path: Final = path
        self.values: Final = values or {}
        self.variables: Final = variables or Variables({})

    @property
    def header(self) -> str:
        """What it is called in the file: `[jobs.cleanup-sessions]`; nothing at the top."""
        return f"[{'.'.join(bare(name) for name in self.path)}]" if self.path else ""

    def place(self, key: str | None = None) -> str:
        """Where this is, for a message: `maint.toml [jobs.cleanup-sessions] stale-after`."""
        return " ".join(part for part in (self.file, self.header, bare(key) if key else "") if part)

    def only(self, known: Collection[str]) -> None:
        """Raise ConfigError for the first key that is not `known`."""
        for key in self.values:
            if key not in known:
                raise ConfigError(f"{self.place()}: unknown key {bare(key)}; {hint(key, known)}")

    def wrong(self, key: str, clause: str) -> ConfigError:
        """The error that `clause` is what is wrong with `key`."""
        return ConfigError(sentence(f"{self.place(key)}: {clause}"))

    def missing(self, key: str, example: str, known: Collection[str]) -> ConfigError:
        """The error that `key` is not given, or misspelt: a key that is not `known` is like it."""
        near = closest(key, [name for name in self.values if name not in known])
        if near is None:
            return self.wrong(key, f'it is missing; write e.g. {key} = "{example}"')
        return ConfigError(f"{self.place()}: unknown key {bare(near)}; did you mean {key}?")

    def parse(self, key: str, value: object, parser: Callable[[object], T]) -> T:
        """What `parser` makes of `value`, given for `key`; its ValueError says what is wrong."""
        try:
            return parser(value)
        except ValueError as error:
            advice = "; give it a value or remove the line" if str(error) == "it is blank" else ""
            raise self.wrong(key, f"{error}{advice}") from None

    def text(self, key: str) -> str | None:
        """The text of `key` with `${NAME}` filled in, not blank, or None where it is not given."""
        raw = self.raw_text(key)
        return None if raw is None else self.variables.fill(raw, self.place(key))

    def raw_text(self, key: str) -> str | None:
        """The text of `key` as written, not blank, or None where it is not given."""
        return self.parse(key, self.values[key], typed.text) if key in self.values else None

    def one_of(self, key: str, choices: Collection[typed.Choice]) -> typed.Choice | None:
        """One of `choices`, or None where `key` is not given."""
        if key not in self.values:
            return None
        return self.parse(key, self.values[key], lambda value: typed.one_of(value, choices))

    def zone(self, key: str) -> str | None:
        """The time zone under `key`, or None where it is not given."""
        name = self.text(key)
        return None if name is None else self.parse(key, name, typed.zone)

    def texts(self, key: str, *, single: bool = False) -> tuple[str, ...]:
        """The list of texts under `key`; with `single` one text may stand for a list of one."""
        value = self.values.get(key, [])
        if single and isinstance(value, str):
            value = [value]
        if not isinstance(value, list):
            raise self.wrong(key, f'it is {typed.toml_type(value)} and must be a list: ["…"]')
        return tuple(_part(self, key, part) for part in cast("list[object]", value))

    def boolean(self, key: str) -> bool | None:
        """True or false, or None where `key` is not given."""
        value = self.values.get(key)
        if value is None or isinstance(value, bool):
            return value
        raise self.wrong(key, f"it is {typed.toml_type(value)} and must be true or false")

    def section(self, key: str) -> "Section":
        """The table under `key`; an empty one where it is not given."""
        value = self.values.get(key, {})
        path = (*self.path, key)
        if not isinstance(value, dict):
            name = ".".join(bare(name) for name in path)
            raise self.wrong(key, f"it is {typed.toml_type(value)} and must be a table: [{name}]")
        tables = cast("dict[str, object]", value)
        return Section(self.file, path, tables, self.variables)

    def sections(self, key: str) -> dict[str, "Section"]:
        """The tables under the table `key`, by name."""
        parent = self.section(key)
        return {name: parent.section(name) for name in parent.values}

    def array(self, key: str, item: str) -> list[dict[str, object]]:
        """The tables of the array [[key]], each of which messages call an `item`."""
        written = self.values.get(key, [])
        advice = f"and must be a list of tables; write [[{key}]] over each {item}"
        if not isinstance(written, list):
            raise self.wrong(key, f"it is {typed.toml_type(written)} {advice}")
        for table in cast("list[object]", written):
            if not isinstance(table, dict):
                raise self.wrong(key, f"in its list, it is {typed.toml_type(table)} {advice}")
        return cast("list[dict[str, object]]", written)


class Numbered(Section):
    """One table of an array, known by its number."""

    __slots__ = ("item", "number")

    def __init__(
        self, top: Section, key: str, item: str, number: int, values: Mapping[str, object]
    ) -> None:
        """The table `number` (from 1) of [[key]]; messages call it `item`."""
        super().__init__(top.file, (key, str(number)), values, top.variables)
        self.item: Final = item
        self.number: Final = number

    @property
    def header(self) -> str:
        """What it is called in messages: `[[schedules]] entry 2`."""
        return f"[[{self.path[0]}]] {self.item} {self.number}"


def _part(section: Section, key: str, part: object) -> str:
    try:
        return typed.text(part)
    except ValueError as error:
        advice = "; take it out" if str(error) == "it is blank" else ""
        raise section.wrong(key, f"in its list, {error}{advice}") from None
