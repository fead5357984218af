"""A short visit to a database by an operator command: no lease, no retries, bounded waits."""

import sys
from collections.abc import Generator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from maintcli.config.database import DatabaseConfig, no_database
from maintcli.db import connect, search_path, sqlstate, toolkit
from maintcli.errors import MissingPrivilege, NoOpenSchema
from maintcli.runtime.session import Session
from maintcli.runtime.stop import Deadline, Never

_SECONDS = 60.0


@contextmanager
def connected(
    database: DatabaseConfig, command: str, *, write: bool = False
) -> Generator[connect.Connection]:
    """A connection for `command`, closed at the end; a replica will do unless `write`.

    What PostgreSQL complains of inside leaves as one of our errors.
    """
    if database.url is None:
        raise no_database(database.section)
    target = connect.parameters(database.url.reveal(), database.url_origin, database.base)
    with connect.said_when_slow(_say_waiting):
        connection = connect.connect(target, application=f"maint/{command}", read_only=not write)
        connect.first_answer(connection, connect.CONNECT_SECONDS)
    try:
        yield connection
    except NoOpenSchema as error:
        raise (_closed(connection) or error) from None
    except psycopg.errors.InsufficientPrivilege as error:
        raise MissingPrivilege(f"{sqlstate.meaning(error)} Run: maint db check") from None
    except psycopg.Error as error:
        raise sqlstate.meaning(error) from None
    finally:
        connection.close()


def _closed(connection: connect.Connection) -> MissingPrivilege | None:
    """The error where this role may not look into the schema of its search path."""
    closed = search_path.closed(connection)
    if not closed:
        return None
    ((role,),) = search_path.run(connection, sql.SQL("SELECT current_user::text"))
    names = {"schema": sql.Identifier(closed[0]), "role": sql.Identifier(role)}
    grant = sql.SQL("GRANT USAGE ON SCHEMA {schema} TO {role};").format(**names).as_string()
    return MissingPrivilege(
        f"Role {role} may not look into schema {closed[0]}, and its search path names no other one."
        " Let a superuser, or the schema's owner, run this statement; schema under [database]"
        " names another one.",
        statements=[grant],
    )


@contextmanager
def toolkit_tables(
    database: DatabaseConfig, command: str, *, write: bool = False
) -> Generator[tuple[Session, str]]:
    """A session and the schema of the toolkit's tables; ConfigError where they are not there."""
    with connected(database, command, write=write) as connection:
        schema = toolkit.require(connection, database.schema, section=database.section)
        yield bounded(connection), schema


def bounded(connection: connect.Connection) -> Session:
    """A session on `connection`, for a minute."""

    def opener() -> connect.Connection:
        if connection.closed:
            raise psycopg.OperationalError("the server closed it")
        return connection

    return Session(opener, Never(), Deadline(_SECONDS, "a minute"))


def _say_waiting() -> None:
    sys.stderr.write(f"maint: Waiting for the database, up to {connect.CONNECT_SECONDS} s.\n")
