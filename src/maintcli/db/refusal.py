"""Why a connection did not come about: a refusal that stays, or a server that may answer later.

libpq gives no SQLSTATE here, so the text of the server, of a pooler or of libpq decides. An unknown
text may pass, and is tried again: too many clients, a server that starts or stops, a lost network.
"""

import contextlib
import re
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from maintcli.db import search_path
from maintcli.db.sqlstate import one_line, read_only
from maintcli.errors import ConfigError, MaintError, MissingPrivilege, Unreachable

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


def meaning(error: psycopg.OperationalError) -> MaintError:
    """Return our error for a connection that did not come about.

    Of several hosts or addresses that were tried, one whose refusal stays decides.
    """
    first, _, others = str(error).partition(_REPEATED)
    said = [one_line(text) for text in (first, *others.splitlines())]
    if any("session is read-only" in text or "in hot standby mode" in text for text in said):
        return read_only()
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

    They could say it; but whoever set this meant that nothing is written.
    """
    cure = _ELSEWHERE
    with contextlib.suppress(psycopg.Error):
        ((source, role, database),) = search_path.run(connection, sql.SQL(_SOURCE))
        cure = _CURES.get(source, _ELSEWHERE).format(role, database)
    return ConfigError(
        "The database is not a replica, but default_transaction_read_only is on, so maint writes"
        f" nothing. If writing is meant to be allowed, {cure}"
    )
