"""Waiting for those who use a table, so that a detach begins only when it can also end.

Begun beside a long reader, a concurrent detach would have to be given up half-way, and the
partition would be neither in the table nor out of it.
"""

from collections.abc import Collection

from psycopg import sql

from maintcli.engines.base.retry import Patience
from maintcli.runtime.context import Context

# An autovacuum lets go by itself when it stands in the way.
_USERS = sql.SQL("""
SELECT DISTINCT virtualtransaction FROM pg_catalog.pg_locks
WHERE locktype = 'relation' AND granted AND pid IS DISTINCT FROM pg_backend_pid()
  AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
  AND relation = ANY ({oids}::oid[]) AND mode <> 'ShareUpdateExclusiveLock'
""")


def wait(context: Context, patience: Patience, oids: Collection[int]) -> None:
    """Wait until all transactions that use one of `oids` now have ended; those to come may stay.

    Raises StillLocked when patience ends.
    """
    query = _USERS.format(oids=list(oids))
    waited_for = set(context.session.read_composed(query))
    while waited_for:
        patience.wait()
        waited_for &= set(context.session.read_composed(query))
    patience.ended()
