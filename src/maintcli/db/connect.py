"""One connection as every run wants it: autocommit, named, kept alive, pooler-proof."""

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from maintcli.db import formats, refusal, search_path, url
from maintcli.errors import ConfigError, Unreachable

Connection = psycopg.Connection[TupleRow]

OLDEST_SERVER = 140000  # TID range scans, the heart of the heap plan, came with 14
CONNECT_SECONDS = 10
_SLOW_SECONDS = 0.5  # with the start-up, a person waits less than a second for a word
_FILES = {"passfile", "sslcert", "sslcrl", "sslcrldir", "sslkey", "sslrootcert"}
_DEFAULTS: Mapping[str, Any] = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


def parameters(text: str, origin: str, base: Path | None = None) -> dict[str, str]:
    """Read a database URL; an `embedded:` one starts its server. Raises ConfigError.

    Relative paths in it begin at `base`, or else at the working directory.
    """
    base = base or Path()
    if text.startswith("embedded:"):
        from maintcli import devserver

        path = text.removeprefix(devserver.SCHEME)
        return devserver.acquire(path if path[:1] in {"", "~"} else str(base / path))
    found = dict(url.parse(text, origin))
    # "system", pkcs11:… and the like are no paths.
    files = {k: v for k, v in found.items() if k in _FILES and ":" not in v and v != "system"}
    return found | {key: str(base / path) for key, path in files.items()}


def connect(
    target: Mapping[str, Any],
    *,
    application: str,
    read_only: bool = False,
    seconds: float = CONNECT_SECONDS,
) -> Connection:
    """Open a connection in autocommit mode, within `seconds` (libpq waits 2 at the least).

    Nothing is SET on the session: behind PgBouncer in transaction mode it would reach strangers.
    Raises Unreachable, MissingPrivilege or ConfigError; never psycopg's own errors,
    whose text may hold what it was given.
    """
    wanted: dict[str, Any] = {
        **_DEFAULTS,
        "connect_timeout": max(2, min(CONNECT_SECONDS, int(seconds))),
        "target_session_attrs": "any" if read_only else "primary",
        **target,
        "application_name": application[:63],
        "client_encoding": "UTF8",  # as the program and its archives are
    }
    try:
        # No server-side prepare: a pooler may send the next execution to another backend.
        connection = psycopg.connect(**wanted, autocommit=True, prepare_threshold=None)
    except psycopg.OperationalError as error:
        raise refusal.meaning(error) from None
    except (psycopg.Error, UnicodeError, ValueError):
        raise ConfigError(
            "The database URL from the configuration is not usable: libpq refuses its parameters."
        ) from None
    try:
        _check(connection, read_only=read_only)
    except BaseException:
        connection.close()
        raise
    formats.prepare(connection)
    return connection


def _check(connection: Connection, *, read_only: bool) -> None:
    if connection.info.server_version < OLDEST_SERVER:
        version = connection.info.server_version // 10000
        raise ConfigError(f"The server is PostgreSQL {version}; maint needs 14 or newer.")
    if not read_only and connection.info.parameter_status("default_transaction_read_only") == "on":
        raise refusal.read_only_by_default(connection)


def first_answer(connection: Connection, seconds: float) -> tuple[str, ...]:
    """The schemas of the user's search path, which the server says within `seconds`.

    A pooler takes connections while its server is down: only an answer shows that there is one.
    Raises Unreachable, MissingPrivilege or ConfigError, and closes the connection.
    """
    late = threading.Event()

    def give_up() -> None:
        late.set()
        cut(connection)

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()
    try:
        return search_path.schemas(connection)
    except psycopg.OperationalError as error:
        connection.close()
        if late.is_set():
            raise Unreachable(
                f"{refusal.NOT_REACHED}the connection was accepted, but no answer came for"
                f" {seconds:.0f} s. Behind a pooler, the server may be down, or the pool has no"
                " free connection."
            ) from None
        raise refusal.meaning(error) from None
    except BaseException:
        connection.close()
        raise
    finally:
        timer.cancel()


def cut(connection: Connection) -> None:
    """Break a connection whose server no longer answers; called from other threads."""
    with contextlib.suppress(OSError, psycopg.Error):
        twin = socket.socket(fileno=os.dup(connection.fileno()))
        twin.shutdown(socket.SHUT_RDWR)
        twin.close()


@contextlib.contextmanager
def said_when_slow(say: Callable[[], None]) -> Generator[None]:
    """Call `say`, from another thread, when the block takes nearly a second."""
    timer = threading.Timer(_SLOW_SECONDS, say)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
