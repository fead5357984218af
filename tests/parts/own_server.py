"""A PostgreSQL of a test's own, that may be restarted, crashed or copied."""

import signal
import subprocess
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from maintcli.devserver.programs import User, find, runnable
from tests.parts.children import daemon, end, run_as
from tests.parts.folders import hand_to_server, short_folder
from tests.parts.server import SETTINGS, Server
from tests.parts.waiting import until

HOW = {
    "smart": signal.SIGTERM,
    "fast": signal.SIGINT,
    "immediate": signal.SIGQUIT,
    "crash": signal.SIGKILL,
}
"""Ways to stop it: wait for clients; roll back and cut them; the same without a checkpoint;
kill the postmaster, so that its backends find out by themselves."""


@dataclass(frozen=True, kw_only=True)
class OwnServer(Server):
    """A server in a folder, whose address stays the same through restarts."""

    folder: Path
    programs: Path
    user: User | None
    settings: Mapping[str, str]
    ending: ExitStack = field(default_factory=ExitStack)
    """What is to be done when it stops."""
    _process: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def data(self) -> Path:
        """PostgreSQL's own folder."""
        return self.folder / "data"

    def start(self) -> None:
        """Start it and wait until it takes connections.

        After a crash it is tried again while old backends still hold the shared memory.
        """
        until(self._try_to_start, "the server starts")

    def stop(self, how: str = "fast") -> None:
        """Stop it in one of the ways of HOW, and wait until its process is gone."""
        end(self._process.pop(), HOW[how])
        self.ending.close()

    def restart(self, how: str = "fast") -> None:
        """Stop and start it; clients are cut, the address stays."""
        self.stop(how)
        self.start()

    def _try_to_start(self) -> bool:
        command: list[str | Path] = [self.programs / "postgres", "-D", self.data, "-p", self.port]
        options = {"listen_addresses": "", "unix_socket_directories": self.host, **self.settings}
        command += [f"--{name}={value}" for name, value in options.items()]
        log = self.folder / "server.log"
        process = self.ending.enter_context(daemon(command, log, self.user))
        if until(lambda: process.poll() is not None or self._answers(), "the server is ready"):
            self._process[:] = [process] if process.poll() is None else []
        if not self._process:
            self.ending.close()
        return bool(self._process)

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def own_server(settings: Mapping[str, str] | None = None) -> Generator[OwnServer]:
    """A new server, running; `settings` are added to those of the session's server."""
    with _place(settings) as server:
        how = ["-A", "trust", "-E", "UTF8", "--no-sync", "--no-locale", "-U", "postgres"]
        run_as(server.user, [server.programs / "initdb", *how, "-D", server.data])
        server.start()
        yield server


@contextmanager
def standby_of(primary: OwnServer) -> Generator[OwnServer]:
    """A streaming replica of `primary`, running and read-only."""
    with _place(primary.settings) as server:
        how = ["-h", primary.host, "-p", primary.port, "-U", "postgres", "-R", "-X", "stream"]
        how += ["--checkpoint=fast", "--no-sync"]
        run_as(server.user, [server.programs / "pg_basebackup", *how, "-D", server.data])
        server.start()
        yield server


@contextmanager
def _place(settings: Mapping[str, str] | None) -> Generator[OwnServer]:
    with short_folder() as folder:
        user = hand_to_server(folder)
        server = OwnServer(
            host=str(folder),
            folder=folder,
            programs=runnable(find(), user),
            user=user,
            settings={**SETTINGS, **(settings or {})},
        )
        with server.ending:
            yield server
