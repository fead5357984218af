"""[tables.KEY]: what the user's own tables and columns are called."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from maintcli.config.messages import bare
from maintcli.config.section import Section

Epoch = Literal["s", "ms"]
EPOCHS: Final[tuple[Epoch, ...]] = ("s", "ms")
"""What an integer counts since 1970: seconds, milliseconds."""
_KEYS: Final = ("name", "columns", "statuses", "timezone", "epoch")
STATUSES: Final = (
    "abandoned",
    "completed",
    "delivered",
    "failed",
    "pending",
    "received",
    "running",
)
"""The statuses of the reference schema that built-in jobs look for, or set."""
_AS_THERE: Final[Mapping[str, str]] = MappingProxyType({})


class TableMap(NamedTuple):
    """How the user calls one table of the reference schema; None and empty mean: as there.

    `rule` is the header of the rule that brought its own table, where not [tables.KEY] maps one.
    `file` is where that stands, for a message.
    """

    name: str | None = None
    columns: Mapping[str, str] = _AS_THERE
    timezone: str | None = None
    epoch: Epoch | None = None
    rule: str | None = None
    statuses: Mapping[str, str] = _AS_THERE
    file: str = "maint.toml"

    def column(self, key: str) -> str:
        """The user's name of the reference schema's column `key`."""
        return self.columns.get(key, key)

    def status(self, key: str) -> str:
        """The user's name of the reference schema's status `key`."""
        return self.statuses.get(key, key)

    def setting(self, table: str, key: str) -> str:
        """Where `key` of the table is set, for a message: `[tables.users] timezone`."""
        if self.rule is None:
            return f"[tables.{bare(table)}] {key}"
        return f"{self.rule} {'table' if key == 'name' else key}"

    def column_setting(self, table: str, key: str) -> str:
        """Where the user's name of the column `key` is set: `[tables.users.columns] created_at`."""
        if self.rule is None:
            return f"[tables.{bare(table)}.columns] {key}"
        return f"{self.rule} {'column' if key in self.columns else 'show'}"


def read_tables(top: Section) -> dict[str, TableMap]:
    """Every mapped table by its name in the reference schema. Raises ConfigError."""
    return {key: _table(section) for key, section in top.sections("tables").items()}


def _table(section: Section) -> TableMap:
    section.only(_KEYS)
    columns, statuses = section.section("columns"), section.section("statuses")
    return TableMap(
        name=section.text("name"),
        columns={key: columns.text(key) or key for key in columns.values},
        statuses={key: _status(statuses, key) for key in statuses.values},
        timezone=section.zone("timezone"),
        file=section.file,
        epoch=section.one_of("epoch", EPOCHS),
    )


def _status(section: Section, key: str) -> str:
    """Text, or a whole number where the column holds numbers."""
    value = section.values[key]
    return str(value) if type(value) is int else section.text(key) or key
