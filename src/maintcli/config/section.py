"""A table of maint.toml that knows what it is called, so that every complaint can say where."""

from collections.abc import Collection, Mapping
from typing import Final, cast

from maintcli.config import values as typed
from maintcli.config.say import bare, sentence
from maintcli.config.suggest import hint
from maintcli.config.variables import Variables
from maintcli.errors import ConfigError


class Section:
    """The values under `[path]` of `file`. Its methods raise ConfigError for a wrong type."""

    __slots__: Final = ("file", "path", "values", "variables")

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
        """Complain about the first key that is not `known`."""
        for key in self.values:
            if key not in known:
                raise ConfigError(f"{self.place()}: unknown key {bare(key)}; {hint(key, known)}")

    def wrong(self, key: str, clause: str) -> ConfigError:
        """The error that `clause` is what is wrong with `key`."""
        return ConfigError(sentence(f"{self.place(key)}: {clause}"))

    def text(self, key: str) -> str | None:
        """The text of `key` with `${NAME}` filled in, not blank, or None where it is not given."""
        raw = self.raw_text(key)
        return None if raw is None else self.variables.fill(raw, self.place(key))

    def raw_text(self, key: str) -> str | None:
        """The text of `key` as written, not blank, or None where it is not given."""
        if key not in self.values:
            return None
        try:
            return typed.text(self.values[key])
        except ValueError as error:
            raise self.wrong(key, _with_advice(str(error))) from None

    def one_of(self, key: str, choices: tuple[str, ...]) -> str | None:
        """One of `choices`, or None where `key` is not given."""
        if key not in self.values:
            return None
        try:
            return typed.one_of(self.values[key], choices)
        except ValueError as error:
            raise self.wrong(key, _with_advice(str(error))) from None

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


def _part(section: Section, key: str, part: object) -> str:
    try:
        return typed.text(part)
    except ValueError as error:
        advice = "; take it out" if str(error) == "it is blank" else ""
        raise section.wrong(key, f"in its list, {error}{advice}") from None


def _with_advice(clause: str) -> str:
    return f"{clause}; give it a value or remove the line" if clause == "it is blank" else clause
