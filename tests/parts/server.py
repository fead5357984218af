"""The session's PostgreSQL, and what a test may ask of any server."""

import tempfile
from dataclasses import dataclass
from urllib.parse import quote

import psycopg
from psycopg.rows import TupleRow

from maintcli import devserver

SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "200",
    "wal_level": "logical",
    "max_wal_senders": "10",
    "max_replication_slots": "10",
    "hot_standby": "on",
    "shared_buffers": "64MB",
    "track_io_timing": "on",
    "autovacuum": "off",  # it comes when it likes, and a sweep pauses for it
}
"""Fast, and able to do what the tests want; nothing here survives a power cut, and need not."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A place where a PostgreSQL, a pooler or a proxy takes connections."""

    host: str
    port: str = "5432"

    def dsn(self, database: str = "postgres", user: str = "postgres") -> str:
        """A value for DATABASE_URL."""
        return f"postgresql://{quote(user)}@/{quote(database)}?host={self.host}&port={self.port}"

    def connect(self, database: str = "postgres") -> psycopg.Connection[TupleRow]:
        """An autocommit connection as the superuser."""
        return psycopg.connect(self.dsn(database), autocommit=True, prepare_threshold=None)


def session_server() -> Server:
    """A server that stays until this process ends, in a folder that goes with it."""
    home = tempfile.mkdtemp(prefix="maint test ", dir="/tmp")
    found = devserver.acquire(home, settings=SETTINGS, temporary=True)
    return Server(host=found["host"], port=found["port"])
