"""The toolkit's own tables, where a job works on them."""

from psycopg import sql

from maintcli.config.tables import TableMap
from maintcli.db import toolkit
from maintcli.db.catalog.tables import Table
from maintcli.errors import ConfigError
from maintcli.runtime.context import Context


def mapped(context: Context, table: str) -> TableMap | None:
    """Where `table` is, also without a ledger; None where it is not there.

    Raises ConfigError for one of that name that the toolkit did not make, or that others changed.
    """
    database = context.order.database
    schema = context.lease.schema if context.lease else database.schema
    schema = schema or next(iter(context.session.schemas), None)
    if context.lease is None:  # or that was looked at before the lease was taken
        toolkit.look(context.session.connection, schema).refuse_strangers(database.section)
    where = toolkit.place(context.session, schema, table)
    return TableMap(name=sql.Identifier(where, table).as_string()) if where else None


def refuse(context: Context, table: Table, setting: str) -> None:
    """Raise ConfigError where the table that `setting` names, or a part of it, is the toolkit's.

    A table of the user's that is only called so does not have its mark.
    """
    called = {table.name, *(part.table for part in table.parts)}
    if called.isdisjoint(toolkit.TABLES):
        return
    ((is_own,),) = context.session.read(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = ANY (%s)"
        " AND relname = ANY (%s) AND starts_with(obj_description(oid, 'pg_class'), %s))",
        [list(table.oids), list(toolkit.TABLES), toolkit.MARK],
    )
    if is_own:
        raise ConfigError(
            f"{setting} names {table}, which is a table of maint itself. Remove it there; the"
            " old rows of maint's run history are deleted by: maint cleanup-run-history"
        )
