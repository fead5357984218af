"""One connection as every run wants it: autocommit, named, kept alive, pooler-proof.

Where none comes about, libpq gives no SQLSTATE: the text of the server, of a pooler or of libpq
tells a refusal that stays from a server that may answer later. An unknown text may pass, and is
tried again: too many clients, a server that starts or stops, a lost network.
"""

import contextlib
import os
import re
import socket
import threading
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from maintcli.db import formats, search_path, sqlstate, url
from maintcli.db.sqlstate import one_line
from maintcli.errors import ConfigError, MaintError, MissingPrivilege, Unreachable

Connection = psycopg.Connection[TupleRow]

OLDEST_SERVER = 140000  # TID range scans, the heart of the heap plan, came with 14
CONNECT_SECONDS = 10
_SLOW_SECONDS = 0.5  # with the start-up, a person waits less than a second for a message
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
        raise refusal(error) from None
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
        raise read_only_by_default(connection)


def first_answer(connection: Connection, seconds: float) -> tuple[str, ...]:
    """The schemas of the user's search path, as the server answers within `seconds`.

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
                f"{NOT_REACHED}the connection was accepted, but no answer came for"
                f" {seconds:.0f} s. Behind a pooler, the server may be down, or the pool has no"
                " free connection."
            ) from None
        raise refusal(error) from None
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
    """Call `say`, from another thread, when the block takes longer than half a second."""
    timer = threading.Timer(_SLOW_SECONDS, say)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


NOT_REACHED = "The database cannot be reached: "
_REPEATED = "Multiple connection attempts failed."

_HBA = """Let the server's administrator allow it in pg_hba.conf; where it says no encryption,
sslmode=require may be enough."""
_POOLER = """Leave it out of the database URL and of PGOPTIONS, or let the pooler ignore it
(ignore_startup_parameters)."""

# What is said, as patterns; our error; and what to do. The first that fits.
_STAYS: tuple[tuple[tuple[str, ...], type[MaintError], str], ...] = (
    (
        ("no password supplied",),
        MissingPrivilege,
        "Give the password in the database URL, in PGPASSWORD or in a password file.",
    ),
    ((r"no pg_hba\.conf entry", r"pg_hba\.conf rejects"), MissingPrivilege, one_line(_HBA)),
    (
        ("permission denied for database",),
        MissingPrivilege,
        "Let the database's owner grant CONNECT on it to this role.",
    ),
    (("is not permitted to log in",), MissingPrivilege, "Let an administrator give it LOGIN."),
    (
        (
            "authentication failed",
            "auth failed",
            "no such user",
            "server login failed",
            "login rejected",
            "tenant or user not found",
        ),
        MissingPrivilege,
        "Check user and password.",
    ),
    (
        ("requires a valid client certificate",),
        MissingPrivilege,
        "Name yours: sslcert and sslkey in the database URL.",
    ),
    (
        (
            "does not support ssl",
            "ssl required",
            "certificate",
            "private key file",
            "channel binding",
            "authentication method requirement",
            "weak sslmode",
            "ssl error: (?!unexpected eof)",
        ),
        ConfigError,
        "Check sslmode and the certificates.",
    ),
    (("unsupported startup parameter",), ConfigError, one_line(_POOLER)),
    (
        ("invalid response to ssl negotiation", "expected authentication request"),
        ConfigError,
        "What answers there is not PostgreSQL. Check host and port.",
    ),
    (
        (
            "name or service not known",
            "no address associated",
            "nodename nor servname",
            "servname not supported",
        ),
        ConfigError,
        "Check host and port in the database URL.",
    ),
    (
        (
            "does not exist",
            "no such database",
            "not currently accepting connections",
            "cannot connect to invalid database",
            "endpoint id is not specified",
            "bouncer config error",
            r"invalid \S+ value",
            "invalid port number",
            "could not match",
        ),
        ConfigError,
        "Check the database URL.",
    ),
)

_ABSENT = "refused|no such file|timeout expired|timed out|no route to host|unreachable"

# What a role has set counts at its login, whatever it becomes afterwards.
_SOURCE: LiteralString = """
SELECT source, quote_ident(session_user), quote_ident(current_database())
FROM pg_catalog.pg_settings WHERE name = 'default_transaction_read_only'"""
_RESET = "RESET default_transaction_read_only;"
_CURES = {
    "user": f"run: ALTER ROLE {{0}} {_RESET}",
    "database": f"run: ALTER DATABASE {{1}} {_RESET}",
    "database user": f"run: ALTER ROLE {{0}} IN DATABASE {{1}} {_RESET}",
    "global": f"run: ALTER ROLE ALL {_RESET}",
    "client": "leave it out of the database URL and of PGOPTIONS.",
}
_ELSEWHERE = "turn it off in the server's configuration."


def refusal(error: psycopg.OperationalError) -> MaintError:
    """Return our error for a connection that did not come about.

    Of several hosts or addresses that were tried, one whose refusal stays decides.
    """
    first, _, others = str(error).partition(_REPEATED)
    said = [one_line(text) for text in (first, *others.splitlines())]
    if any("session is read-only" in text or "in hot standby mode" in text for text in said):
        return sqlstate.read_only()
    for text in said:
        for patterns, kind, advice in _STAYS:
            if re.search("|".join(patterns), text, re.IGNORECASE):
                return kind(f"Cannot connect to the database: {_tail(text)}. {advice}")
    reason = _tail(said[0])
    if re.search(_ABSENT, reason, re.IGNORECASE):
        reason += ". Check host and port, and that PostgreSQL runs there"
    return Unreachable(f"{NOT_REACHED}{reason}.")


def _tail(text: str) -> str:
    """The server's own words, without libpq's repetition of hosts tried and its question."""
    said = text.partition(" Is the server running")[0]
    said = re.sub(r"^(- .*?: )?connection (failed|is bad): ", "", said)
    return said.rpartition("FATAL:")[2].strip().rstrip(".") or text


def read_only_by_default(connection: psycopg.Connection[Any]) -> MaintError:
    """Return our error for a primary whose transactions are READ ONLY unless they say more.

    A transaction could override it; but the setting says that nothing is to be written.
    """
    cure = _ELSEWHERE
    with contextlib.suppress(psycopg.Error):
        ((source, role, database),) = search_path.run(connection, sql.SQL(_SOURCE))
        cure = _CURES.get(source, _ELSEWHERE).format(role, database)
    return ConfigError(
        "The database is not a replica, but default_transaction_read_only is on, so maint writes"
        f" nothing. If writing is meant to be allowed, {cure}"
    )
