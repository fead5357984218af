"""The reference schema with sample data: something for every job to do, on any empty database.

All names are created in the first schema of the search path, and looked for there alone, so that
sample rows never land in an application's own tables further down the path.
"""

from importlib import resources
from itertools import chain

from psycopg import sql

from maintcli.db import search_path, toolkit
from maintcli.db.connect import Connection
from maintcli.errors import ExampleExists

_PARTS: dict[str, tuple[str, ...]] = {
    "users": ("users",),
    "sessions": (
        "active_sessions",
        "chat_sessions",
        "chat_messages",
        "peptide_info_sessions",
        "peptide_info_messages",
    ),
    "billing": ("billing_accounts", "period_resets", "usage_counters", "stripe_usage"),
    "files": ("processing_jobs", "source_files", "stored_files"),
    "analytics": ("analytics_events", "daily_analytics"),
    "cron": ("cron_jobs", "cron_fires"),
    "jobs": ("jobs",),
    "email": ("email_retry_queue", "email_given_up"),
    "webhooks": ("webhook_endpoints", "outbox"),
    "exports": ("export_jobs",),
    "inbox": ("inbound_emails", "inbox_cursors"),
}
"""File in sql/example/schema and sql/example/data → the tables it makes; parents first."""

TABLES = tuple(chain.from_iterable(_PARTS.values()))

_TAKEN = """
SELECT t.name FROM unnest(%s::text[]) WITH ORDINALITY AS t(name, n)
JOIN pg_catalog.pg_namespace s ON s.nspname = %s
JOIN pg_catalog.pg_class c ON c.relnamespace = s.oid AND c.relname = t.name
ORDER BY t.n
"""


def create(connection: Connection, *, sessions: int = 2_000, seed: float = 0.42) -> None:
    """Make and fill the reference tables, all or nothing.

    Raises ExampleExists where a table, view or index of such a name exists already.
    """
    place = toolkit.home(connection)
    with search_path.pinned(connection):
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('maint db example'))")
        if taken := existing(connection, place):
            raise ExampleExists(schema=place, tables=_some(taken))
        create_schema(connection, place)
        fill(connection, place, sessions=sessions, seed=seed)


def existing(connection: Connection, place: str | None = None) -> list[str]:
    """Return the reference tables' names that are taken in the schema `place`."""
    place = place or toolkit.home(connection)
    rows = search_path.run(connection, sql.SQL(_TAKEN), [list(TABLES), place])
    return [name for (name,) in rows]


def create_schema(connection: Connection, place: str | None = None) -> None:
    """Create the reference tables, empty, in one transaction."""
    place = place or toolkit.home(connection)
    with search_path.pinned(connection):
        for part in _PARTS:
            connection.execute(_statements("schema", part, place))


def fill(
    connection: Connection, place: str | None = None, *, sessions: int = 2_000, seed: float = 0.42
) -> None:
    """Put sample rows into the empty reference tables and ANALYZE them, in one transaction.

    Times are relative to now; all else follows from `seed` (-1 to 1), on one PostgreSQL version.
    """
    place = place or toolkit.home(connection)
    with search_path.pinned(connection):
        connection.execute(
            "SELECT setseed(%s), set_config('example.sessions', %s, true)", [seed, str(sessions)]
        )
        for part in _PARTS:
            connection.execute(_statements("data", part, place))
        tables = sql.SQL(", ").join(sql.Identifier(place, table) for table in TABLES)
        connection.execute(sql.SQL("ANALYZE {}").format(tables))


def _statements(kind: str, part: str, place: str) -> sql.SQL:
    file = resources.files("maintcli.db") / "sql" / "example" / kind / f"{part}.sql"
    return search_path.qualified(file.read_text("utf-8"), place, TABLES)


def _some(names: list[str]) -> str:
    shown, rest = names[:3], names[3:]
    return ", ".join(shown) + (f" and {len(rest)} more" if rest else "")
