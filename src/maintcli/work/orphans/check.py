"""Before the first row: what makes a removal of orphans slow, and what makes it absurd."""

from psycopg import sql

from maintcli.errors import Refused
from maintcli.runtime.context import Context
from maintcli.work.consent import approval, guard
from maintcli.work.orphans.pair import Bond
from maintcli.work.sweep.task import Task

_ANY = sql.SQL("SELECT EXISTS (SELECT FROM {parent} WHERE {key} IS NOT NULL)")


def warn(context: Context, bond: Bond) -> None:
    """Say which index is missing, with the statement that makes it."""
    if bond.is_quick:
        return
    table, column = bond.parent.table.quoted.as_string(), bond.parent.column.name
    statement = f"CREATE INDEX CONCURRENTLY ON {table} ({sql.Identifier(column).as_string()});"
    context.log.warn(f"no index on {bond.parent}, so each look reads the whole table: {statement}")


def refuse(context: Context, bond: Bond) -> None:
    """Raise Refused for too large a share of the child, and for a parent that has no row at all."""
    really = context.order.value("yes_really")
    parent, key = bond.parent.table.quoted, sql.Identifier(bond.parent.column.name)
    ((has_rows,),) = context.session.read_composed(_ANY.format(parent=parent, key=key))
    if not has_rows and really is None:
        reason = (
            f"{bond.parent.table} has no row at all, so every row of {bond.child.table} would be an"
            " orphan. Nothing was deleted. If it is meant, --yes-really N lets up to N rows"
            " through, once."
        )
        raise Refused(reason=reason)
    try:
        approval.check(context, [Task(bond.target, ())])
        guard.check(context, [bond.target])
    except Refused as refused:
        raise Refused(reason=f"orphans of {bond}: {refused}") from None
