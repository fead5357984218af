"""Databases for single tests: made from a template in some milliseconds, dropped by force."""

from collections.abc import Generator
from contextlib import contextmanager
from itertools import count

from psycopg import sql

from tests.parts.server import Server

_numbers = count(1)


@contextmanager
def database(
    server: Server, *, template: str | None = None, encoding: str | None = None
) -> Generator[str]:
    """The name of a new database of `server`, a copy of `template`; dropped afterwards."""
    name = f"test_{next(_numbers)}"
    create(server, name, template=template, encoding=encoding)
    try:
        yield name
    finally:
        drop(server, name)


def create(
    server: Server, name: str, *, template: str | None = None, encoding: str | None = None
) -> None:
    """Make a database, empty or a copy of `template`, which nobody may be connected to."""
    how = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
        sql.Identifier(name), sql.Identifier(template or "template0")
    )
    if encoding is not None:
        how += sql.SQL(" ENCODING {} LOCALE_PROVIDER libc LOCALE 'C'").format(encoding)
    with server.connect() as connection:
        connection.execute(how)


def drop(server: Server, name: str) -> None:
    """Drop a database and cut whoever is still connected to it."""
    with server.connect() as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
