"""A check in each batch that the table is still the one that the run began with.

Other sessions may rename it and create another of that name, enable row-level security, detach a
partition, or change the age column. The batch that finds this is rolled back. The check stands at
the end of a batch, which has locked the table by then: nothing changes before COMMIT.
"""

from psycopg import sql

from maintcli.db import sqlstate
from maintcli.db.catalog import tables
from maintcli.db.catalog.tables import Part, Table
from maintcli.db.names import Name
from maintcli.engines.base import count
from maintcli.engines.base.retry import kept_rows
from maintcli.engines.base.target import Target, check_parts
from maintcli.errors import MaintError, TryAgain
from maintcli.runtime.context import Context

_SAME = sql.SQL("""EXISTS (SELECT FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attname = {column}
    WHERE c.oid = pg_catalog.to_regclass({part})::oid AND c.oid = {oid} AND c.relkind = 'r'
      AND NOT pg_catalog.row_security_active(c.oid)
      AND a.atttypid = {type}::pg_catalog.regtype{whole})""")

# Row-level security of the whole table protects the rows of its partitions as well.
_WHOLE = sql.SQL("""
      AND pg_catalog.to_regclass({table})::oid = {root}
      AND NOT pg_catalog.row_security_active({root})
      AND {attached}""")

_PARTITION = sql.SQL("{root} IN (SELECT relid FROM pg_catalog.pg_partition_ancestors(c.oid))")
_INHERITS = sql.SQL("EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE inhrelid = c.oid)")

_CHECK = sql.SQL("""IF NOT {same} THEN
    RAISE EXCEPTION 'the table was changed' USING ERRCODE = {state};
END IF;""")


_HIDDEN = "row-level security hides rows of it from role {}"


def same(target: Target, part: Part) -> sql.Composable:
    """SQL: whether `part` is still what it was as a part of the target's table."""
    table = target.table
    whole: sql.Composable = sql.SQL("")
    root = sql.SQL("{}::oid").format(table.oid)
    if part.oid != table.oid:
        attached = _PARTITION if table.kind == "partitioned table" else _INHERITS
        whole = _WHOLE.format(
            table=table.quoted.as_string(), root=root, attached=attached.format(root=root)
        )
    return _SAME.format(
        part=part.quoted.as_string(),
        oid=sql.SQL("{}::oid").format(part.oid),
        column=target.by.name,
        type=target.by.declared,
        whole=whole,
    )


def check(target: Target, part: Part) -> sql.Composable:
    """PL/pgSQL that fails a batch if the table is not the one that the run began with."""
    return _CHECK.format(same=same(target, part), state=sqlstate.TABLE_CHANGED)


def again(context: Context, target: Target) -> Target:
    """The target with its table as it is now, with partitions that were added since.

    Raises TryAgain where it is another table, and what `target.find` raises.
    """
    known = target.table
    table = _describe(context, known)
    if (change := _difference(known, table)) is not None or table is None:
        raise error(context, known, change or "it was dropped")
    if any(part.hides_rows for part in table.parts):  # since the table was looked at, just now
        raise error(context, known, _HIDDEN.format(table.role))
    by = table.columns.get(target.by.name)
    if by is None or by.declared != target.by.declared:
        raise error(context, known, f"its column {target.by.name} was changed")
    check_parts(context, table, target.key, target.map)
    return target._replace(table=table)


def gone(context: Context, known: Table, part: Part) -> str | None:
    """How a partition left its otherwise unchanged table; None if it did not."""
    table = _describe(context, known)
    if part.oid == known.oid or table is None or _difference(known, table) is not None:
        return None
    if part.oid in {other.oid for other in table.parts}:
        return None
    return "dropped" if count.some_gone(context, [part.oid]) else "detached"


def changed(context: Context, known: Table, part: Part) -> MaintError | None:
    """The error for a table or part that was changed; None if no change is found."""
    for one in (known, part):
        if (change := _difference(one, _describe(context, one))) is not None:
            return error(context, one, change)
    return None


def error(
    context: Context, table: Table | Part | str, change: str = "its definition was changed"
) -> MaintError:
    """The error that ends a run whose table was changed by another session."""
    return TryAgain(f"{table} was changed during the run: {change}. {kept_rows(context)}")


def _describe(context: Context, known: Table | Part) -> Table | None:
    name = known.name if isinstance(known, Table) else known.table
    return tables.describe(context.session, Name(known.schema, name))


def _difference(known: Table | Part, found: Table | None) -> str | None:
    if found is None:
        return "it was dropped or renamed"
    if (found.oid, found.kind) != (known.oid, known.kind):
        return "another table has its name now"
    if found.hides_rows:
        return _HIDDEN.format(found.role)
    return None
