"""Slots: how many jobs may run at once. A slot is taken and kept like a lease."""

from psycopg import sql

from maintcli.db import toolkit
from maintcli.errors import TryAgain
from maintcli.runtime.lease import TTL_SECONDS, Lease
from maintcli.runtime.session import Session

EXEMPT_SECONDS = 60.0  # a job with a timeout of up to a minute needs no slot
_RETRY_SECONDS = 1.0

_TAKE = sql.SQL("""
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


def take(session: Session, lease: Lease, *, limit: int, timeout: float) -> None:
    """Wait for a slot, up to half of `timeout` seconds; raises TryAgain."""
    if timeout <= EXEMPT_SECONDS:
        return
    patience = min(timeout / 2, session.deadline.left / 2)
    waited = 0.0
    query = _TAKE.format(slots=lease.table("job_slots"), live=toolkit.LIVE)
    values = {"limit": limit, "run_id": lease.run_id, "ttl": TTL_SECONDS}
    # The rows missing at first are inserted by the first try and can be taken by the second.
    while not any(session.write(query, values, ours=True) for _ in range(2)):
        if waited >= patience:
            raise TryAgain(
                f"No slot was free for {patience:.0f} s: {limit} jobs are running already"
                " (max-concurrent-jobs)."
            )
        session.stop.wait(_RETRY_SECONDS)
        waited += _RETRY_SECONDS
