"""Whether archived rows still fit their tables. What changed in a schema is an error."""

from collections.abc import Iterable, Mapping

from psycopg import sql

from maintcli.db.catalog.tables import Column, missing_grant
from maintcli.engines.archive.manifest import Shape
from maintcli.engines.restore.source import Inventory
from maintcli.engines.restore.tables import Archived, Table, Tables
from maintcli.errors import ConfigError, MissingPrivilege, Refused

_SYSTEM = ("pg_", "information_schema")  # no schema of a user can begin with pg_
_ADD_BACK = "Add it back, restore, and drop it again; or restore without this table (--table)."


def check_ordinary(tables: Tables, listed: Iterable[Archived], *, vouched: bool) -> None:
    """Raise Refused unless all are user tables that a manifest lists.

    Of the toolkit's own tables and of an extension's a sweep may have archived rows, where the
    ledger vouches for that. A row of pg_cron's is a command that runs as any role.
    """
    for archived in sorted(tables):
        why = ""
        if archived not in listed:
            why = "the manifest does not list it"
        elif tables[archived].relation.schema.startswith(_SYSTEM):
            why = "it is one of PostgreSQL's own"
        elif tables[archived].is_toolkits and not vouched:
            why = "it is one of maint's own, and the ledger does not know this archive"
        elif tables[archived].relation.is_extensions and not vouched:
            why = "it belongs to an extension, and the ledger does not know this archive"
        if why:
            name = ".".join(archived)
            raise Refused(f"Rows for {name} are not put back: {why}. Nothing was restored.")


def check(inventory: Inventory, tables: Tables, then: Iterable[Shape]) -> None:
    """Raise ConfigError, MissingPrivilege before anything is touched.

    `then` are the manifest's tables.
    """
    before = {one.key: {column.name: column for column in one.columns} for one in then}
    for archived in {*inventory.rows, *inventory.links}:
        name = ".".join(archived)
        if archived not in tables:
            remedy = "Make it again, or restore without it (--table)."
            raise _changed(name, "is not there any more", remedy)
        table = tables[archived]
        used = {*inventory.rows.get(archived, ()), *inventory.links.get(archived, ())}
        _check_columns(table, before.get(archived, {}), used)
        if archived in inventory.rows:
            _check_new(table, inventory.rows[archived])
            _check_rules(table)
        _check_rights(table, rows=archived in inventory.rows, links=archived in inventory.links)


def _changed(table: str, change: str, remedy: str) -> ConfigError:
    return ConfigError(f"{table} {change}, so nothing was restored. {remedy}")


def _check_columns(table: Table, before: Mapping[str, Column], used: Iterable[str]) -> None:
    now = table.columns
    for name in sorted(used):
        if name not in now:
            change = f"has lost its column {name} since"
            raise _changed(table.name, change, _ADD_BACK)
        if now[name].generated:
            change = f"computes its column {name} now, which held values of its own then"
            raise _changed(table.name, change, _ADD_BACK)
        if name in before and before[name].full != now[name].full:
            change = f"has {name} as {now[name].full} now, and had it as {before[name].full} then"
            remedy = "Restore into a copy of the old table, and move the rows from there."
            raise _changed(table.name, change, remedy)


def _check_new(table: Table, archived: Iterable[str]) -> None:
    """Raise for a column added since the archive that cannot stay empty."""
    for column in table.columns.values():
        empty = not column.nullable and column.default is None
        if column.name not in archived and empty and not (column.identity or column.generated):
            change = f"has a new column {column.name} that is NOT NULL and has no default"
            remedy = "Give it a default, restore, and take the default away."
            raise _changed(table.name, change, remedy)


def _check_rules(table: Table) -> None:
    """Raise for a rule ON INSERT: it may do something else, and most exclude RETURNING."""
    if table.rules:
        name = table.quoted.as_string()
        commands = " ".join(
            f"ALTER TABLE {name} DISABLE RULE {sql.Identifier(rule).as_string()};"
            for rule in table.rules
        )
        change = f"has rules ON INSERT ({', '.join(table.rules)})"
        remedy = f"Switch them off: {commands} Then restore, and ENABLE them again."
        raise _changed(table.name, change, remedy)


def _check_rights(table: Table, *, rows: bool, links: bool) -> None:
    needed = {"SELECT", *(["INSERT"] if rows else []), *(["UPDATE"] if links else [])}
    for privilege in sorted(needed & table.relation.denied):
        raise missing_grant(table.relation.role, privilege, table.quoted)
    if table.relation.hides_rows:
        reason = (
            f"Row-level security on {table.name} hides rows from role {table.relation.role}, so"
            " maint cannot tell which rows are there already. Restore as a role with BYPASSRLS, or"
            " as the owner."
        )
        raise MissingPrivilege(reason)
