"""One transaction of a restore: several messages, since COPY cannot share one."""

from collections.abc import Generator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from maintcli.db import formats, sqlstate
from maintcli.db.connect import Connection
from maintcli.runtime import ledger
from maintcli.runtime.context import Context
from maintcli.runtime.lease import Lease
from maintcli.runtime.session import WRITE, Session
from maintcli.work.attempt import after_loss
from maintcli.work.restore.onebyone import block

# Constraints that wait for COMMIT are checked with each statement, where a violation can still be
# told apart and undone.
_AT_ONCE = sql.SQL("SET CONSTRAINTS ALL IMMEDIATE")

_COUNT = sql.SQL("""DECLARE maint_n bigint := {rows};
BEGIN
{fence}
{progress}
END""")


_FENCED = sql.SQL("""BEGIN
{fence}
END""")


class Progress:
    """What a transaction has done so far, for the ledger."""

    rows = 0


@contextmanager
def transaction(context: Context) -> Generator[tuple[Connection, Progress]]:
    """Commit what the block does, with the fence and the ledger; or nothing of it.

    After a lost connection the ledger says whether the COMMIT took effect; where it did not,
    TransactionRollback is raised.
    """
    session = context.session
    session.stop.check()
    connection, progress = session.connection, Progress()
    opening = [WRITE, *session.limits(), formats.WITHOUT_LOSS, _AT_ONCE]
    lease, batches = context.lease, 0
    try:
        connection.execute(sql.SQL("; ").join(opening))
        yield connection, progress
        if lease:
            batches = _count(lease, connection, progress.rows)
    except BaseException:
        _end(session, connection)
        raise
    try:
        connection.execute("COMMIT")
    except psycopg.Error as error:
        _end(session, connection)
        if not (lease and sqlstate.is_lost(error, session.connection_or_none)):
            raise
        after_loss(context, error)
        if not _has_counted(context, lease, batches):
            raise psycopg.errors.TransactionRollback(sqlstate.said(error)) from None


def _end(session: Session, connection: Connection) -> None:
    session.clean_up(connection)
    session.stop.check()  # a cancelled query is how a stop arrives here


def _count(lease: Lease, connection: Connection, rows: int) -> int:
    """Write the ledger; the batches of the run with this one."""
    progress = ledger.progress(lease, "updated_count")
    body = _COUNT.format(rows=rows, fence=lease.fence(), progress=progress)
    connection.execute(block(body, connection))
    ((batches,),) = connection.execute(sql.Composed([ledger.batches(lease)]))
    return int(batches)


def _has_counted(context: Context, lease: Lease, batches: int) -> bool:
    """Whether a COMMIT that nobody heard of took effect: it may still be about to, so the fence
    waits for it.
    """
    session = context.session
    while True:
        fence = block(_FENCED.format(fence=lease.fence()), session.connection)
        try:
            ((found,),) = session.write(ledger.batches(lease), settings=fence, ours=True)
        except psycopg.Error as error:
            if error.sqlstate == sqlstate.LOCK_NOT_AVAILABLE:
                continue
            if not sqlstate.is_lost(error, session.connection_or_none):
                raise
            after_loss(context, error)
            continue
        return int(found) >= batches
