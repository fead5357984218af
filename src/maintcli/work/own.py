"""The toolkit's own tables, where a job works on them."""

from psycopg import sql

from maintcli.config.tables import TableMap
from maintcli.db import toolkit
from maintcli.runtime.context import Context


def mapped(context: Context, table: str) -> TableMap | None:
    """Where `table` is, also without a ledger; None where it is not there.

    Raises ForeignTable for one of that name that the toolkit did not make, and UntrustedTable.
    """
    database = context.order.database
    schema = context.lease.schema if context.lease else database.schema
    schema = schema or next(iter(context.session.schemas), None)
    if context.lease is None:  # or that was looked at before the lease was taken
        toolkit.look(context.session.connection, schema).refuse_strangers(database.section)
    where = toolkit.place(context.session, schema, table)
    return TableMap(name=sql.Identifier(where, table).as_string()) if where else None
