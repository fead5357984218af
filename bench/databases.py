"""Databases made once and copied file by file for every single measurement."""

import secrets
from collections.abc import Callable, Generator
from contextlib import contextmanager

from bench.rounds import say
from bench.server import BenchServer
from maintcli.db import toolkit


def template(server: BenchServer, name: str, what: str, *statements: str) -> str:
    """The database `name` with the toolkit's tables and what `statements` make; made if missing."""
    if server.value("postgres", f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
        return name
    say(f"  making {what}")
    server.execute("postgres", f"CREATE DATABASE {name}")
    with server.connect(name) as connection:
        toolkit.migrate(connection)
    server.execute(
        name,
        "CREATE EXTENSION pg_prewarm",
        "SET work_mem = '1GB'",
        "SET maintenance_work_mem = '1GB'",
        *statements,
        "VACUUM (FREEZE, ANALYZE)",
    )
    return name


@contextmanager
def copied(server: BenchServer, made: Callable[[], str]) -> Generator[str]:
    """A fresh copy of the template: the same files, warm in memory, and no write outstanding."""
    name = f"run_{secrets.token_hex(4)}"
    create = f"CREATE DATABASE {name} TEMPLATE {made()} STRATEGY FILE_COPY"
    server.execute("postgres", create)
    try:
        server.execute(name, _WARM, "CHECKPOINT")
        yield name
    finally:
        server.execute("postgres", f"DROP DATABASE {name} WITH (FORCE)")


def drop(server: BenchServer, name: str) -> None:
    """Give the disk space of a template back."""
    server.execute("postgres", f"DROP DATABASE IF EXISTS {name}")


_WARM = """
SELECT pg_prewarm(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'i') ORDER BY c.relkind DESC"""
