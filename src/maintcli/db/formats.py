"""How values are written and read: in one way, whatever a role or a database prefers.

DateStyle and the like are SET LOCAL, so that a pooler's other clients keep theirs. psycopg knows
only what the session began with; so here are loaders for what the transaction has set.
"""

import codecs
import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.types.json import set_json_loads

# Of every transaction, and few: pg_stat_activity shows the first 1024 bytes of a message. In the
# user's conditions 01.02. means what it means to the role: the order of day and month stays.
# standard_conforming_strings cannot be set in the message that depends on it: no text needs it.
SETTINGS = sql.SQL("""SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO';
SET LOCAL quote_all_identifiers = off""")

# Where values are written so that they can be read again without loss, and where they are read.
WITHOUT_LOSS = sql.SQL("""SET LOCAL IntervalStyle = 'postgres'; SET LOCAL bytea_output = 'hex';
SET LOCAL extra_float_digits = 1; SET LOCAL xmloption = 'content'; SET LOCAL array_nulls = on""")

# In a database of the encoding SQL_ASCII a value is any bytes, which PostgreSQL refuses to send as
# UTF-8. psycopg takes names and values for UTF-8 as long as it hears of nothing else, which it does
# at the end of a message.
_AS_BYTES = sql.SQL("SET LOCAL client_encoding = 'SQL_ASCII'")
_AS_TEXT = sql.SQL("SET LOCAL client_encoding = 'UTF8'")

_UTF8 = ("UTF8", "SQL_ASCII")  # the second stores any bytes
_PLAIN = str.maketrans({"…": "...", "→": "->", "\u2013": "-", "\u2014": "-"})


class _Moment(Loader):
    """A timestamptz as ISO writes it."""

    def load(self, data: Buffer) -> datetime:
        return datetime.fromisoformat(_whole(data, "timestamptz")).astimezone(UTC)


class _Timestamp(Loader):
    """A timestamp without a zone."""

    def load(self, data: Buffer) -> datetime:
        return datetime.fromisoformat(_whole(data, "timestamp"))


class _Day(Loader):
    """A date."""

    def load(self, data: Buffer) -> date:
        return date.fromisoformat(_whole(data, "date"))


class _Text(Loader):
    """A text of which a byte that is not UTF-8 becomes a replacement character."""

    def load(self, data: Buffer) -> str:
        return _decoded(data)


def prepare(connection: psycopg.Connection[Any]) -> None:
    """Let `connection` read what it will be sent under SETTINGS."""
    adapters = connection.adapters
    adapters.register_loader("timestamptz", _Moment)
    adapters.register_loader("timestamp", _Timestamp)
    adapters.register_loader("date", _Day)
    if is_bytes(connection):
        for name in ("text", "varchar", "bpchar", "name"):
            adapters.register_loader(name, _Text)
        set_json_loads(lambda data: json.loads(_decoded(data)), connection)


def enclosed(
    connection: psycopg.Connection[Any], statements: Sequence[sql.Composable]
) -> list[sql.Composable]:
    """`statements` of an open transaction, with values in them and in their rows as they are."""
    return [_AS_BYTES, *statements, _AS_TEXT] if is_bytes(connection) else list(statements)


@contextmanager
def as_bytes(connection: psycopg.Connection[Any]) -> Generator[None]:
    """The same for what the block sends and reads."""
    if not is_bytes(connection):
        yield
        return
    connection.execute(_AS_BYTES)
    yield
    connection.execute(_AS_TEXT)


def storable(connection: psycopg.Connection[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with no character in a text that the database's encoding does not have.

    For our own words alone: data of the user's is refused by PostgreSQL rather than changed.
    """
    encoding = _server_encoding(connection)
    try:
        codec = "utf-8" if encoding in _UTF8 else codecs.lookup(encoding.replace("WIN", "cp")).name
    except LookupError:
        codec = "ascii"

    def fitting(text: str) -> str:
        plain = text if codec == "utf-8" else text.translate(_PLAIN)
        return plain.encode(codec, "replace").decode(codec)

    return {key: fitting(one) if isinstance(one, str) else one for key, one in values.items()}


def as_json(value: object) -> str:
    """JSON for PostgreSQL: not every encoding can store what an escape stands for."""
    return json.dumps(value, default=str, ensure_ascii=False)


def is_bytes(connection: psycopg.BaseConnection[Any]) -> bool:
    """Whether the database stores any bytes."""
    return _server_encoding(connection) == "SQL_ASCII"


def _server_encoding(connection: psycopg.BaseConnection[Any]) -> str:
    return connection.info.parameter_status("server_encoding") or "UTF8"


def _decoded(data: Buffer | str) -> str:
    return data if isinstance(data, str) else bytes(data).decode("utf-8", "replace")


def _whole(data: Buffer, kind: str) -> str:
    """`data` as text; what no datetime can hold is said as psycopg says it."""
    text = bytes(data).decode()
    if not text[:1].isdigit() or text.endswith("BC") or not text[4:5] == "-":
        raise psycopg.DataError(f"{kind} out of Python's range: {text!r}")
    return text
