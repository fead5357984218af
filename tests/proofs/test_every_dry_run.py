"""Proof 6 for every sweeping job: a dry run needs SELECT alone, and writes nothing."""

from collections import Counter
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.jobs.every import EVERY, Every, fill
from tests.parts.cli import Result
from tests.parts.inside import Inside
from tests.proofs.test_dry_run import READER, counters

Conn = psycopg.Connection[Any]
SAME = ("plan", "cascaded_count", "erased_count", "requeued_count", "failed_count")
BY_NAME = ("tables", "pairs")
"""What else both runs say, where the job says it."""


@pytest.fixture
def reader(conn: Conn, db: str, every: Every) -> str:
    """The URL of a role that may SELECT from the job's tables, and nothing else."""
    fill(conn, every, stale=20, fresh=7)
    conn.execute(READER)
    for table in every.tables:
        conn.execute(sql.SQL("GRANT SELECT ON {} TO reader").format(sql.Identifier(table)))
    return db.replace("postgres@", "reader@")


def everything(conn: Conn) -> Counter[tuple[str, str]]:
    """Every row of every table in the database."""
    tables = conn.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND oid >= 16384"
        " AND relnamespace = 'public'::regnamespace"
    ).fetchall()
    found: Counter[tuple[str, str]] = Counter()
    for (table,) in tables:
        query = sql.SQL("SELECT %s, t::text FROM {} AS t").format(sql.Identifier(table))
        found.update(conn.execute(query, [table]).fetchall())
    return found


def said(run: Result, every: Every) -> dict[str, Any]:
    """The figures of a run, those by table without zeros."""
    figures = {name: run.json[name] for name in (every.figure, *SAME) if name in run.json}
    return figures | {name: +Counter(run.json.get(name, {})) for name in BY_NAME}


@pytest.mark.parametrize("every", EVERY, ids=str)
def test_a_dry_run_reads_and_says_what_the_real_run_does(
    inside: Inside, conn: Conn, reader: str, every: Every
) -> None:
    """No tuple written, no row changed, and the real run's numbers; which the counters do notice."""
    (inside.folder / "maint.toml").write_text(every.toml)
    rows, written = everything(conn), counters(conn)
    dry = inside(*every.command, "--dry-run", "--json", env={"DATABASE_URL": reader})
    assert (dry.code, dry.json[every.figure]) == (0, 20 * every.times), dry.err
    assert (everything(conn), counters(conn)) == (rows, written)
    real = inside(*every.command, "--json")
    assert real.code == 0, real.err
    assert said(dry, every) == said(real, every)
    assert everything(conn) != rows
    assert counters(conn) != written
