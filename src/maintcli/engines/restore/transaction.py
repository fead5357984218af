"""One transaction of a restore: several messages, since COPY cannot share one."""

from collections.abc import Generator
from contextlib import contextmanager, suppress

import psycopg
from psycopg import sql

from maintcli.db import formats
from maintcli.db.connect import Connection
from maintcli.engines.restore.onebyone import block
from maintcli.runtime import ledger
from maintcli.runtime.context import Context
from maintcli.runtime.session import WRITE

# Constraints that wait for COMMIT are checked with each statement, where a violation can still be
# told apart and undone.
_AT_ONCE = sql.SQL("SET CONSTRAINTS ALL IMMEDIATE")

_COUNT = sql.SQL("""DECLARE maint_n bigint := {rows};
BEGIN
{fence}
{progress}
END""")


class Progress:
    """What a transaction has done so far, for the ledger."""

    rows = 0


@contextmanager
def transaction(context: Context) -> Generator[tuple[Connection, Progress]]:
    """Commit what the block does, with the fence and the ledger; or nothing of it."""
    session = context.session
    session.stop.check()
    connection, progress = session.connection, Progress()
    opening = [WRITE, *session.limits(), formats.WITHOUT_LOSS, _AT_ONCE]
    try:
        connection.execute(sql.SQL("; ").join(opening))
        yield connection, progress
        _count(context, connection, progress.rows)
        connection.execute("COMMIT")
    except BaseException:
        with suppress(psycopg.Error):
            connection.rollback()
        session.stop.check()  # a cancelled query is how a stop arrives here
        raise


def _count(context: Context, connection: Connection, rows: int) -> None:
    lease = context.lease
    if lease is None:
        return
    progress = ledger.progress(lease, "updated_count")
    body = _COUNT.format(rows=rows, fence=lease.fence(), progress=progress)
    connection.execute(block(body, connection))
