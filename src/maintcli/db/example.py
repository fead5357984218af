"""The reference schema with sample data: something for every job to do, on any empty database.

All names are created in one schema, the first of the search path unless another is named, and
looked for there alone: sample rows never land in an application's own tables. Each table says in
its comment that it is an example's.
"""

from collections.abc import Sequence
from importlib import resources
from itertools import chain

from psycopg import sql

from maintcli.db import search_path, toolkit
from maintcli.db.connect import Connection
from maintcli.errors import ConfigError
from maintcli.words import some

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

MARK = "maint example, "

# What an extension brought, and maint's own tables, are no application's.
_TAKEN = """
SELECT c.relname::text, coalesce(starts_with(obj_description(c.oid, 'pg_class'), %(mark)s), false)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
WHERE s.nspname = %(schema)s
  AND (c.relname = ANY (%(names)s) OR c.relkind IN ('r', 'p', 'v', 'm', 'f'))
  AND NOT coalesce(starts_with(obj_description(c.oid, 'pg_class'), %(toolkit)s), false)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.deptype = 'e'
                  AND d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid)
ORDER BY array_position(%(names)s, c.relname::text), c.relname
"""


def create(
    connection: Connection,
    schema: str | None = None,
    *,
    sessions: int = 2_000,
    seed: float = 0.42,
) -> str:
    """Make and fill the reference tables, all or nothing; return the schema they are in.

    A `schema` that is named is made where it is not there. Raises ConfigError where
    the example is there already, and where it holds anything that is not maint's.
    """
    place = schema or toolkit.home(connection)
    with toolkit.open_schema(connection, place), search_path.pinned(connection):
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('maint db example'))")
        if schema is not None:
            toolkit.make_schema(connection, schema, f"{MARK}schema")
        if taken := existing(connection, place):
            if all(taken.values()):
                raise ConfigError(
                    f"The example is already in schema {place}, so nothing changed. To remove it,"
                    " run: maint db example --drop"
                )
            others = some([name for name, ours in taken.items() if not ours], 3)
            raise ConfigError(
                f"Schema {place} already holds {others}, so the example was not made and nothing"
                " changed. Give it a schema of its own: maint db example --schema NAME"
            )
        create_schema(connection, place)
        fill(connection, place, sessions=sessions, seed=seed)
    return place


def columns() -> dict[str, list[str]]:
    """The columns of each reference table, as its statement has them: one on each line."""
    import re

    text = "".join(_text("schema", part) for part in _PARTS)
    made = re.findall(r"^CREATE TABLE (\w+) \(\n(.*?)^\)", text, re.MULTILINE | re.DOTALL)
    return {table: re.findall(r"^    ([a-z]\w*) ", body, re.MULTILINE) for table, body in made}


def definitions(table: str) -> dict[str, str]:
    """The columns of one reference table, with type and default as its statement has them."""
    import re

    text = "".join(_text("schema", part) for part in _PARTS)
    made = rf"^CREATE TABLE {re.escape(table)} \(\n(.*?)^\)"
    body = re.search(made, text, re.MULTILINE | re.DOTALL)
    lines = re.findall(r"^    ([a-z]\w*) +(.*?),?$", body[1] if body else "", re.MULTILINE)
    return {name: _without_checks(rest) for name, rest in lines}


def _without_checks(definition: str) -> str:
    import re

    kept = re.split(r" (?:CHECK|REFERENCES|PRIMARY KEY|GENERATED|UNIQUE)\b", definition)[0]
    return kept if "DEFAULT" in kept else kept.replace(" NOT NULL", "")


def add_columns(table: str, quoted: str, names: Sequence[str]) -> str:
    """The statement that adds columns of the reference table to the user's own, called `quoted`."""
    known = definitions(table)
    ordered = sorted(names, key=lambda name: [*known, name].index(name))
    added = ", ".join(f"ADD COLUMN {name} {known.get(name, 'text')}" for name in ordered)
    return f"ALTER TABLE {quoted} {added};"


def existing(connection: Connection, place: str | None = None) -> dict[str, bool]:
    """What stands in the way of the example in `place`, and whether it is an example's own."""
    values = {
        "names": list(TABLES),
        "schema": place or toolkit.home(connection),
        "mark": MARK,
        "toolkit": toolkit.MARK,
    }
    return dict(search_path.run(connection, sql.SQL(_TAKEN), values))


def create_schema(connection: Connection, place: str | None = None) -> None:
    """Create the reference tables, empty, in one transaction."""
    place = place or toolkit.home(connection)
    with search_path.pinned(connection):
        for part in _PARTS:
            connection.execute(_statements("schema", part, place))
        for table in TABLES:
            comment = sql.SQL("COMMENT ON TABLE {} IS {}")
            connection.execute(
                comment.format(sql.Identifier(place, table), f"{MARK}maint db example --drop")
            )


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
    return search_path.qualified(_text(kind, part), place, TABLES)


def _text(kind: str, part: str) -> str:
    file = resources.files("maintcli.db") / "sql" / "example" / kind / f"{part}.sql"
    return file.read_text("utf-8")
