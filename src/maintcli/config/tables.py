"""[tables.KEY]: what the user's own tables and columns are called."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, cast

from maintcli.config.section import Section
from maintcli.config.zone import check_zone

_KEYS: Final = ("name", "columns", "timezone", "epoch")
_AS_THERE: Final[Mapping[str, str]] = MappingProxyType({})


class TableMap(NamedTuple):
    """How the user calls one table of the reference schema; None and empty mean: as there."""

    name: str | None = None
    columns: Mapping[str, str] = _AS_THERE
    timezone: str | None = None
    epoch: Literal["s", "ms"] | None = None

    def column(self, key: str) -> str:
        """The user's name of the reference schema's column `key`."""
        return self.columns.get(key, key)


def read_tables(top: Section) -> dict[str, TableMap]:
    """Every mapped table by its name in the reference schema. Raises ConfigError."""
    return {key: _table(section) for key, section in top.sections("tables").items()}


def _table(section: Section) -> TableMap:
    section.only(_KEYS)
    columns = section.section("columns")
    return TableMap(
        name=section.text("name"),
        columns={key: columns.text(key) or key for key in columns.values},
        timezone=check_zone(section, "timezone"),
        epoch=cast('Literal["s", "ms"] | None', section.one_of("epoch", ("s", "ms"))),
    )
