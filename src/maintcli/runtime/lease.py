"""The lease: the job's row of `job_heartbeats` is its lock, with a fencing token.

A row, not an advisory lock: PgBouncer in transaction mode shares a session's locks among clients.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import NamedTuple

import psycopg
from psycopg import sql

from maintcli.db import search_path, toolkit
from maintcli.db.connect import Connection
from maintcli.errors import LeaseLost, MaintError, TryAgain
from maintcli.runtime.session import Session
from maintcli.runtime.shard import Shard, row_name
from maintcli.runtime.stop import Stop

TTL_SECONDS = toolkit.LEASE_SECONDS
RENEW_SECONDS = 20

_FENCE = sql.SQL("""PERFORM 1 FROM {heartbeats}
    WHERE name = {name} AND lease_token = {token} AND lease_expires_at > clock_timestamp()
    FOR SHARE;
IF NOT FOUND THEN RAISE EXCEPTION 'lease lost' USING ERRCODE = 'MT001'; END IF;""")

_RENEW = sql.SQL("""
WITH ours AS (
    UPDATE {heartbeats} SET lease_expires_at = clock_timestamp() + {ttl}
    WHERE name = {name} AND lease_token = {token} AND lease_expires_at > clock_timestamp()
    RETURNING 1
), slot AS (
    UPDATE {slots} SET lease_expires_at = clock_timestamp() + {ttl} WHERE lease_run_id = {run}
)
SELECT count(*) FROM ours""")

SLOT_EXEMPT_SECONDS = 60.0  # a job with a timeout of up to a minute needs no slot
_SLOT_RETRY_SECONDS = 1.0

_TAKE_SLOT = sql.SQL("""
WITH missing AS (
    INSERT INTO {slots} (slot) SELECT generate_series(1, %(limit)s) ON CONFLICT DO NOTHING
), free AS (
    SELECT slot FROM {slots}
    WHERE slot <= %(limit)s AND coalesce(lease_expires_at NOT {live}, true)
    ORDER BY slot FOR UPDATE SKIP LOCKED LIMIT 1
)
UPDATE {slots} s SET lease_run_id = %(run_id)s,
    lease_expires_at = clock_timestamp() + make_interval(secs => %(ttl)s)
FROM free WHERE s.slot = free.slot RETURNING s.slot
""")


class Lease(NamedTuple):
    """A lease that was taken; `schema` is where the toolkit's tables are.

    A part of a job has a row and a lease of its own: `cleanup-sessions 0/4`.
    """

    schema: str
    job: str
    run_id: str
    token: int
    shard: Shard | None = None

    @property
    def name(self) -> str:
        """The name of the row that is the lock."""
        return row_name(self.job, self.shard)

    def fence(self) -> sql.Composable:
        """PL/pgSQL that raises MT001 unless the lease is still ours; the last step of a batch.

        It locks the row, so that a successor waits for our COMMIT, and we never write after it.
        """
        return _FENCE.format(
            heartbeats=self.table("job_heartbeats"), name=self.name, token=self.token
        )

    def table(self, name: str) -> sql.Composable:
        """One of the toolkit's tables, qualified and quoted."""
        return sql.Identifier(self.schema, name)

    def renewal(self) -> sql.Composed:
        """Prolong the lease and its slot, unless the lease has ended already."""
        return _RENEW.format(
            heartbeats=self.table("job_heartbeats"),
            slots=self.table("job_slots"),
            name=self.name,
            token=self.token,
            run=self.run_id,
            ttl=ttl(),
        )


def lease_lost(job: str) -> LeaseLost:
    """The error of a run whose lease has ended, so that it may not write any more."""
    return LeaseLost(
        f"The lease of {job} ended while this run was held up, so it stopped without another write;"
        " another run may own the job now."
    )


def ttl() -> sql.Composable:
    """The length of a lease, as SQL."""
    return sql.SQL("interval {}").format(f"{TTL_SECONDS} seconds")


@contextmanager
def kept(
    lease: Lease, opener: Callable[[], Connection], stop: Stop, cancel: Callable[[], None]
) -> Generator[None]:
    """Renew the lease from a second thread and connection until the block ends.

    A long transaction of ours cannot hold it up. When the lease is lost, the run is stopped.
    """
    over = threading.Event()
    thread = threading.Thread(
        target=_keep, args=(lease, opener, stop, cancel, over), name="maint-lease", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=1)  # a renewal in flight would find the lease given back


def _keep(
    lease: Lease,
    opener: Callable[[], Connection],
    stop: Stop,
    cancel: Callable[[], None],
    over: threading.Event,
) -> None:
    renewed, pause = time.monotonic(), float(RENEW_SECONDS)
    connection: Connection | None = None
    while not over.wait(pause):
        try:
            if connection is None or connection.broken or connection.closed:
                connection = opener()
            ((kept_rows,),) = search_path.run(connection, lease.renewal())
            held = kept_rows == 1
            renewed = time.monotonic() if held else float("-inf")
            pause = float(RENEW_SECONDS)
        except (psycopg.Error, MaintError):
            pause = 1.0
        if time.monotonic() - renewed > TTL_SECONDS and not over.is_set():
            stop.request(lease_lost(lease.name))
            cancel()
            break
    if connection is not None:
        with contextlib.suppress(psycopg.Error):
            connection.close()


def take_slot(session: Session, lease: Lease, *, limit: int, timeout: float) -> None:
    """Wait for a slot, up to half of `timeout` seconds; raises TryAgain."""
    if timeout <= SLOT_EXEMPT_SECONDS:
        return
    patience = min(timeout / 2, session.deadline.left / 2)
    waited = 0.0
    query = _TAKE_SLOT.format(slots=lease.table("job_slots"), live=toolkit.LIVE)
    values = {"limit": limit, "run_id": lease.run_id, "ttl": TTL_SECONDS}
    # The rows missing at first are inserted by the first try and can be taken by the second.
    while not any(session.write(query, values, ours=True) for _ in range(2)):
        if waited >= patience:
            raise TryAgain(
                f"No slot was free for {patience:.0f} s: {limit} jobs are running already"
                " (max-concurrent-jobs)."
            )
        session.stop.wait(_SLOT_RETRY_SECONDS)
        waited += _SLOT_RETRY_SECONDS
