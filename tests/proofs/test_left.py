"""Proof: success with backlog 0 means that a SELECT finds nothing stale, for every job and schema."""

from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from psycopg import sql

from maintcli.engines.base import retry
from maintcli.engines.base.batch import Done
from tests.jobs.every import EVERY, OPT_OUTS, STRAGGLERS, Every, fill, one
from tests.parts.databases import database
from tests.parts.inside import Inside
from tests.parts.server import Server
from tests.proofs.chaos import FULL, SEED
from tests.proofs.schemas import TableMade, create, tables

SEND = retry.send
Conn = psycopg.Connection[Any]
FIGURES = ("deleted_count", "tables", "cascaded_count", "blocked_count")
MOVES = 3
ROW_BY_ROW = (OPT_OUTS, STRAGGLERS)
RULE = '[[retention]]\ntable = "t{}"\ncolumn = "stale_at"\nkeep = "30d"\n'


@seed(SEED)
@settings(
    max_examples=400 if FULL else 15,
    deadline=None,
    database=None,
    phases=tuple(Phase) if FULL else (Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(made=tables())
def test_rules_for_any_schema_leave_what_they_say(
    made: list[TableMade], server: Server, template: str, tmp_path: Path
) -> None:
    """A rule for each table, with any foreign keys between them; the dry run says the same."""
    rules = "".join(RULE.format(number) for number in range(len(made)))
    (tmp_path / "maint.toml").write_text(rules)
    with database(server, template=template) as name:
        inside = Inside(tmp_path, {"DATABASE_URL": server.dsn(name)})
        run = ("retention-cleanup", "--max-percent", "100", "--json")
        with psycopg.connect(server.dsn(name), autocommit=True) as conn:
            create(conn, made)
            before = count(conn, made)
            dry, real = inside(*run, "--dry-run"), inside(*run)
            assert real.code in {0, 3}, real.err
            left = sum(
                one(conn, f"SELECT count(*) FROM t{n} WHERE stale_at < now()")  # type: ignore[arg-type]
                for n in range(len(made))
            )
            assert real.json["backlog"] == left == real.json["blocked_count"], real.err
            assert (real.code == 0) == (left == 0)
            removed = real.json["deleted_count"] + real.json["cascaded_count"]
            assert removed == before - count(conn, made) == sum(real.json["tables"].values())
            assert [dry.json[figure] for figure in FIGURES] == [
                real.json[figure] for figure in FIGURES
            ], dry.err


def count(conn: Conn, made: list[TableMade]) -> int:
    """All rows."""
    return sum(one(conn, f"SELECT count(*) FROM t{n}") for n in range(len(made)))  # type: ignore[arg-type]


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch, conn: Conn, every: Every) -> list[int]:
    """Every row of the job's tables moves after each of the first batches; batches are noted."""
    sent: list[int] = []

    def send(*arguments: Any, **named: Any) -> Done:
        if len(sent) > MOVES:
            return SEND(*arguments, **named)
        done = SEND(*arguments, **{**named, "budget_ms": 0})  # of a single bite
        sent.append(done.rows)
        for table in every.tables if len(sent) <= MOVES else ():
            move(conn, table)
        return done

    monkeypatch.setattr(retry, "send", send)
    return sent


def move(conn: Conn, table: str) -> None:
    """Have an application update every row of the table, without a change."""
    query = (
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
        " AND attidentity = '' AND attgenerated = '' AND NOT attisdropped ORDER BY attnum LIMIT 1"
    )
    ((column,),) = conn.execute(query, [table]).fetchall()
    statement = sql.SQL("UPDATE {table} SET {column} = {column}")
    names = {"table": sql.Identifier(table), "column": sql.Identifier(column)}
    conn.execute(statement.format(**names))


@pytest.mark.parametrize("every", EVERY, ids=str)
def test_no_job_leaves_rows_that_moved(
    inside: Inside, conn: Conn, every: Every, moved: list[int]
) -> None:
    """An application updates all rows again and again while the job is at work."""
    (inside.folder / "maint.toml").write_text(every.toml)
    expected = fill(conn, every, stale=300 if every in ROW_BY_ROW else 3_000, fresh=50)
    found = inside(*every.command, "--json")
    assert (found.code, found.json["backlog"]) == (0, 0), found.err
    assert (one(conn, every.stale), found.json[every.figure]) == (0, expected)
    assert len(moved) > 1  # rows were left when they moved
