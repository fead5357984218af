"""The toolkit's own tables: where they are, whether they are ours, and making them.

A table is ours when it carries our comment, and trust.py finds nothing against it. The version
stands in the comment of `maint_migrations`, so that one catalog query answers every question before
a run.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib import resources
from typing import NamedTuple

import psycopg
from psycopg import sql

from maintcli.db import search_path
from maintcli.db.catalog.tables import Reader
from maintcli.db.connect import Connection
from maintcli.db.trust import FINDINGS
from maintcli.errors import (
    ConfigError,
    MissingGrant,
    MissingPrivilege,
    NoOpenSchema,
    NoToolkitTables,
)

VERSION = 6
TABLES = (
    "maint_migrations",
    "job_heartbeats",
    "job_runs",
    "job_slots",
    "job_archives",
    "job_erasures",
    "job_attempts",
    "job_watermarks",
    "job_sightings",
    "job_replays",
)
MARK = "maint toolkit, version "

LEASE_SECONDS = 60
# The end of a lease that still holds. One that ends later than a lease can was taken while the
# server's clock was ahead; whoever has it may lose it, as the fence keeps its batches out.
LIVE = sql.SQL("BETWEEN clock_timestamp() AND clock_timestamp() + interval '61 s'")

_LOOK = f"""
SELECT array_agg(t.name ORDER BY t.name) FILTER (WHERE c.oid IS NOT NULL AND d.description IS NULL),
       max(substr(d.description, %(skip)s)) FILTER (WHERE t.name = 'maint_migrations'),
       (SELECT array_agg(ARRAY[f.name, f.what, f.cure] ORDER BY f.name, f.what)
        FROM ({FINDINGS}) AS f),
       bool_and(has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'UPDATE')
                AND (t.name = 'job_slots' OR has_table_privilege(c.oid, 'INSERT')))
           FILTER (WHERE t.name IN ('job_heartbeats', 'job_runs', 'job_slots'))
FROM unnest(%(tables)s::text[]) AS t(name)
LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = %(schema)s
LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = t.name
LEFT JOIN pg_catalog.pg_description d
       ON d.objoid = c.oid AND d.objsubid = 0 AND d.classoid = 'pg_catalog.pg_class'::regclass
      AND starts_with(d.description, %(mark)s)
"""

_OPEN = sql.SQL("""
SELECT current_user::text, n.oid IS NOT NULL,
       coalesce(has_schema_privilege(n.oid, 'CREATE') AND has_schema_privilege(n.oid, 'USAGE'),
                has_database_privilege(current_database(), 'CREATE'))
FROM (SELECT %(schema)s::text AS name) AS wanted
LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = wanted.name
""")

_PLACE = """
SELECT n.nspname::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = %(table)s
"""


class Found(NamedTuple):
    """The toolkit's schema and the version found there; None: no tables.

    `foreign` are strangers' tables of the same names. `faults` are reasons not to trust a table:
    its name, what is wrong with it, and the statement that mends that. `is_writable`: this role may
    write the ledger, from the beginning of a run to its end.
    """

    schema: str
    version: int | None
    foreign: tuple[str, ...]
    faults: tuple[tuple[str, str, str], ...]
    is_writable: bool

    def refuse_strangers(self, section: str) -> None:
        """Raise ConfigError where a table is not ours alone."""
        if self.foreign:
            raise ConfigError(
                f"{self.foreign[0]} exists in schema {self.schema} and was not made by maint, so it"
                ' stays untouched. Choose another place for the toolkit\'s tables: schema = "maint"'
                f" under [{section}] in maint.toml, then maint db migrate."
            )
        for table, what, cure in self.faults:
            raise ConfigError(
                f"{table} in schema {self.schema} {what}: others could run code there with your"
                f" rights. If it is maint's table all the same, run: {cure}; if not, choose another"
                f""" place for maint's tables: schema = "maint" under [{section}] in maint.toml,"""
                " then maint db migrate."
            )


def look(connection: Connection, schema: str | None) -> Found:
    """Look for the toolkit's tables; `schema` None means the first of the search path."""
    where = schema or home(connection)
    values = {"schema": where, "tables": list(TABLES), "mark": MARK, "skip": len(MARK) + 1}
    ((foreign, version, faults, writable),) = search_path.run(connection, sql.SQL(_LOOK), values)
    return Found(
        where,
        int(version) if version else None,
        tuple(foreign or ()),
        tuple((table, what, cure) for table, what, cure in faults or ()),
        bool(writable),
    )


def place(reader: Reader, schema: str | None, table: str) -> str | None:
    """The schema of the toolkit's own `table`; None where it is not."""
    found = reader.read(_PLACE, {"schema": schema or _first(reader.schemas), "table": table})
    return str(found[0][0]) if found else None


def home(connection: Connection) -> str:
    """The schema where the toolkit's tables are unless the configuration says: the path's first."""
    return _first(search_path.schemas(connection))


def _first(schemas: Sequence[str]) -> str:
    if not schemas:
        raise no_open_schema()
    return schemas[0]


def no_open_schema() -> NoOpenSchema:
    """The error for a search path that leads nowhere."""
    return NoOpenSchema(
        "The search path names no schema that exists and is open to this role. Set schema ="
        ' "…" under [database] in maint.toml.'
    )


def require(
    connection: Connection, schema: str | None, *, section: str, write: bool = False
) -> str:
    """Return the toolkit's schema once its tables are there, ours, and of this version.

    With `write` also open to this role: a run must not find out at its end that they are not.
    """
    found = look(connection, schema)
    found.refuse_strangers(section)
    if found.version is None:
        without = " (or use --no-ledger to run without lease and history)." if write else ""
        yet = "" if write else ", so nothing is recorded there yet"
        raise NoToolkitTables(
            f"The toolkit's own tables are not in schema {found.schema}{yet}."
            f" Run: maint db migrate{without}"
        )
    if found.version < VERSION:
        raise ConfigError(
            f"The toolkit's tables in schema {found.schema} are at version {found.version} and this"
            f" maint needs {VERSION}. Run: maint db migrate"
        )
    if found.version > VERSION:
        raise ConfigError(
            f"The toolkit's tables in schema {found.schema} are at version {found.version}, newer"
            f" than the {VERSION} that this maint knows. Upgrade maintcli."
        )
    if write and not found.is_writable:
        raise MissingGrant(
            f"This role may not write maint's tables in schema {found.schema}. Run: maint db check"
        )
    return found.schema


def migrate(
    connection: Connection, schema: str | None = None, *, section: str = "database"
) -> list[str]:
    """Bring the tables to this version, one transaction a migration; return the names applied.

    Safe to run at the same time from several places and to kill at any instant.
    """
    applied: list[str] = []
    where = schema or home(connection)
    for number, name, text in _migrations():
        with open_schema(connection, where), search_path.pinned(connection):
            connection.execute("SELECT pg_advisory_xact_lock(hashtext('maint db migrate'))")
            if schema:
                make_schema(connection, schema, f"{MARK}{VERSION}")
            found = look(connection, where)
            found.refuse_strangers(section)
            if (found.version or 0) >= number:
                continue
            _apply(connection, found.schema, number, name, text)
            applied.append(name)
    return applied


@contextmanager
def open_schema(connection: Connection, schema: str) -> Generator[None]:
    """Raise MissingPrivilege where the block may not create tables in `schema`, or the schema."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege:
        ((role, is_there, is_open),) = search_path.run(connection, _OPEN, {"schema": schema})
        if is_open:
            raise
        text = "GRANT USAGE, CREATE ON SCHEMA {schema} TO {role};"
        if not is_there:
            text = "CREATE SCHEMA {schema} AUTHORIZATION {role};"
        names = {"schema": sql.Identifier(schema), "role": sql.Identifier(role)}
        statement = sql.SQL(text).format(**names).as_string(connection)
        raise MissingPrivilege(
            f"Role {role} may not create tables in schema {schema}. Let a superuser, or the owner,"
            " run this statement, or run this command as a role that may; schema under [database]"
            " names another one.",
            statements=[statement],
        ) from None


def make_schema(connection: Connection, schema: str, comment: str) -> None:
    """Make `schema`, with a comment that says it was us, unless it is there."""
    # IF NOT EXISTS alone would still ask for CREATE on the database.
    there = connection.execute("SELECT to_regnamespace(quote_ident(%s))", [schema]).fetchone()
    if there == (None,):
        create = sql.SQL(
            "CREATE SCHEMA IF NOT EXISTS {name}; COMMENT ON SCHEMA {name} IS {comment}"
        )
        connection.execute(create.format(name=sql.Identifier(schema), comment=comment))


def _apply(connection: Connection, schema: str, number: int, name: str, text: str) -> None:
    if number == 1:
        text = (
            "CREATE TABLE maint_migrations (version integer PRIMARY KEY, name text NOT NULL,"
            f" applied_at timestamptz NOT NULL DEFAULT now());\n{text}"
        )
    connection.execute(search_path.qualified(text, schema, TABLES))
    enter = "INSERT INTO maint_migrations (version, name) VALUES (%s, %s)"
    connection.execute(search_path.qualified(enter, schema, TABLES), [number, name])
    there = connection.execute(
        "SELECT relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
        " ON n.oid = c.relnamespace WHERE n.nspname = %s AND relname = ANY (%s)",
        [schema, list(TABLES)],
    )
    for (table,) in there.fetchall():
        mark = sql.SQL("COMMENT ON TABLE {} IS {}").format(
            sql.Identifier(schema, table), sql.Literal(f"{MARK}{number}")
        )
        connection.execute(mark)


def _migrations() -> list[tuple[int, str, str]]:
    folder = resources.files("maintcli.db") / "sql"
    files = sorted((f for f in folder.iterdir() if f.name[:4].isdigit()), key=lambda f: f.name)
    return [(int(f.name[:4]), f.name.removesuffix(".sql"), f.read_text("utf-8")) for f in files]
