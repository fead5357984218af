"""The backlogs that the newest runs left, as the ledger has them."""

from typing import Any, NamedTuple

from psycopg import sql

from maintcli.runtime.session import Session

# Of each job the newest run that came to an end.
_RECORDED = sql.SQL("""
SELECT h.name, newest.backlog, newest.counts -> 'forecast' FROM {heartbeats} h, LATERAL (
    SELECT backlog, counts FROM {runs}
    WHERE job = h.name AND outcome NOT IN ('running', 'lost', 'skipped', 'refused')
    ORDER BY started_at DESC LIMIT 1
) newest WHERE newest.backlog IS NOT NULL
""")


class Recorded(NamedTuple):
    """The rows that a job's newest run left, with its forecast where it made one."""

    backlog: int
    forecast: dict[str, Any] | None


def recorded(session: Session, schema: str) -> dict[str, Recorded]:
    """What the newest run of each job left, by the job's name; 0 where it left nothing."""
    names = {
        "heartbeats": sql.Identifier(schema, "job_heartbeats"),
        "runs": sql.Identifier(schema, "job_runs"),
    }
    rows = session.read_composed(_RECORDED.format(**names), ours=True)
    return {name: Recorded(backlog, found) for name, backlog, found in rows}
