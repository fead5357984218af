"""The server that is measured: PostgreSQL as it comes, with memory and WAL room for the table."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil
from tests.parts.server import Server

from bench.command import Ran, run
from bench.quiet import WATCH
from maintcli import devserver
from maintcli.devserver.programs import find, runnable, server_user

SETTINGS = {
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "min_wal_size": "4GB",
    "checkpoint_timeout": "30min",
    "autovacuum": "off",
}
"""fsync, full_page_writes and synchronous_commit stay on, for us and for whom we compare with.

Checkpoints and autovacuum come at chance moments, to the harm of whoever is measured then.
"""


@dataclass(frozen=True, kw_only=True)
class BenchServer(Server):
    """A server with its programs."""

    programs: Path
    folder: Path

    def execute(self, database: str, *statements: str) -> None:
        """Run statements, one after the other, as the superuser."""
        with self.connect(database) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def value(self, database: str, query: str) -> object:
        """The one value that `query` gives."""
        with self.connect(database) as connection:
            row = connection.execute(query.encode()).fetchone()
            return row[0] if row else None

    def program(self, name: str, database: str) -> list[str]:
        """The beginning of a command of PostgreSQL's client programs."""
        place = ["-h", self.host, "-p", self.port, "-U", "postgres", "-d", database]
        return [str(self.programs / name), *place]

    def psql(self, database: str, *statements: str) -> Ran:
        """Run statements in psql, each a transaction of its own."""
        each = [word for statement in statements for word in ("-c", statement)]
        return run([*self.program("psql", database), "-XAt", "-v", "ON_ERROR_STOP=1", *each])

    def postmaster(self) -> int:
        """The process that all of the server's are below."""
        with self.connect() as connection:
            return int(psutil.Process(connection.info.backend_pid).ppid())

    def version(self) -> str:
        """`PostgreSQL 18.6` and the settings that differ from the defaults."""
        settings = ", ".join(f"{name} = {value}" for name, value in SETTINGS.items())
        return f"PostgreSQL {self.value('postgres', 'SHOW server_version')} ({settings})"


def start(parent: Path | None) -> BenchServer:
    """Start a server below `parent` (or the system's temporary folder), gone with this process."""
    home = Path(tempfile.mkdtemp(prefix="maint-bench-", dir=parent))
    found = devserver.acquire(str(home), settings=SETTINGS, temporary=True)
    programs = runnable(find(), server_user())
    server = BenchServer(host=found["host"], port=found["port"], programs=programs, folder=home)
    WATCH.ours.add(server.postmaster())
    return server
