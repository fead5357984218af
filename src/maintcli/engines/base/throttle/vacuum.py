"""A vacuum, automatic or not, of a table that is swept."""

from collections.abc import Sequence
from typing import Any

from psycopg import sql

_MOST_SECONDS = 60.0
_MOST_SHARE = 20  # of the timeout, the other way round

_QUERY = sql.SQL("""
SELECT to_json(min(relid::regclass::text)) FROM pg_catalog.pg_stat_progress_vacuum
WHERE relid = ANY ({oids}::oid[]) AND datname = current_database() AND pid <> pg_backend_pid()
""")


class Vacuum:
    """A vacuum of one of the tables `oids`, which would not see what we delete behind it.

    It may take hours, and a backlog only makes the next one longer. So a run waits for it for at
    most a minute, or a twentieth of its timeout, in all, and then goes on beside it.
    """

    name = "vacuum"
    origin = None

    def __init__(self, oids: Sequence[int], timeout_seconds: float) -> None:
        self.query = _QUERY.format(oids=list(oids))
        self.patience = min(_MOST_SECONDS, timeout_seconds / _MOST_SHARE)

    def reason(self, found: Any) -> str | None:
        """Why to pause: which table."""
        return f"a vacuum works on {found}" if found else None
