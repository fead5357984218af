"""The toolkit's own tables, where a job works on them."""

from psycopg import sql

from maintcli.config.tables import TableMap
from maintcli.db import toolkit
from maintcli.errors import ForeignTable
from maintcli.runtime.context import Context


def mapped(context: Context, table: str) -> TableMap | None:
    """Where `table` is, also without a ledger; None where it is not there.

    Raises ForeignTable for one of that name that the toolkit did not make.
    """
    database = context.order.database
    schema = context.lease.schema if context.lease else database.schema
    found = toolkit.owned(context.session, schema, table)
    if found is None:
        return None
    where, ours = found
    if not ours:
        raise ForeignTable(table=table, schema=where, section=database.section)
    return TableMap(name=sql.Identifier(where, table).as_string())
