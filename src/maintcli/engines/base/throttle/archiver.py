"""WAL that waits to be archived: a disk that fills up stops the whole server."""

from typing import Any

from psycopg import sql


class ArchiveQueue:
    """More than `limit` WAL files that wait to be archived."""

    name = "archive queue"
    patience = float("inf")
    query = sql.SQL(
        "SELECT to_json(count(*)) FROM pg_catalog.pg_ls_archive_statusdir()"
        " WHERE name LIKE '%.ready'"
    )

    def __init__(self, limit: int, origin: str | None) -> None:
        self.limit = limit
        self.origin = origin

    def reason(self, found: Any) -> str | None:
        """Why to pause: how many files wait."""
        if found <= self.limit:
            return None
        return f"{found:,} WAL files wait to be archived (limit {self.limit:,})"
