"""Identifiers: a name as a user writes it, split, measured and quoted."""

from typing import NamedTuple

from psycopg import sql

from maintcli.errors import ConfigError

_MAX_BYTES = 63  # NAMEDATALEN - 1: PostgreSQL cuts longer names silently, and finds another table


class Name(NamedTuple):
    """A table's name; `schema` is None where the search path decides."""

    schema: str | None
    table: str

    @property
    def quoted(self) -> sql.Composable:
        """The name, quoted for a statement."""
        return sql.Identifier(*([self.schema] if self.schema else []), self.table)

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}" if self.schema else self.table


def split(text: str, where: str) -> Name:
    """Split `schema.table` (a part may stand in double quotes); `where` names the setting.

    Raises ConfigError for a name PostgreSQL cannot hold. Nothing else is refused: a name with
    semicolons is a name, it will be quoted, and it will not be found.
    """
    parts = _parts(text)
    if not 1 <= len(parts) <= 2 or not all(parts):
        raise ConfigError(
            f'{where}: {text!r} is not a table name; write "table" or "schema.table".'
        )
    for part in parts:
        check(part, where)
    return Name(parts[0] if len(parts) == 2 else None, parts[-1])


def check(part: str, where: str) -> None:
    """Refuse a name that PostgreSQL would cut or cannot hold."""
    if len(part.encode()) > _MAX_BYTES:
        reason = (
            f"{where}: {part[:20]!r}… is longer than PostgreSQL's {_MAX_BYTES} bytes for a name."
        )
        raise ConfigError(reason)
    if "\0" in part:
        raise ConfigError(f"{where}: a name cannot hold a NUL character.")


def _parts(text: str) -> list[str]:
    parts: list[str] = []
    current, quoted = "", False
    characters = iter(text.replace('""', "\1"))
    for c in characters:
        if c == '"':
            quoted = not quoted
        elif c == "." and not quoted:
            parts.append(current)
            current = ""
        else:
            current += '"' if c == "\1" else c
    return [*parts, current]
