"""Budgets: a run that ends early is a success, and says what is left."""

from pathlib import Path

import psycopg
import pytest

from tests.engines.test_sweep import Conn, count, fill
from tests.parts.clock import Clock
from tests.parts.faults import Moment
from tests.parts.inside import Inside
from tests.parts.proxy import proxy
from tests.parts.server import Server

STALE = "last_heartbeat < now() - interval '60 s'"


@pytest.mark.parametrize(("stale", "plan"), [(0.6, "heap"), (0.02, "index")])
@pytest.mark.parametrize("limit", [1, 25, 1001])
def test_a_limit_is_kept_to_the_row(
    inside: Inside, conn: Conn, stale: float, plan: str, limit: int
) -> None:
    """Never one row more, by either plan; the rest is the backlog, in report and ledger."""
    expected = fill(conn, 60_000, stale)
    result = inside("cleanup-sessions", "--json", "--limit", str(limit))
    found = result.json
    assert (result.code, found["plan"], found["outcome"]) == (0, plan, "success"), result.err
    assert found["deleted_count"] == limit
    assert (
        found["backlog"] == found["forecast"]["backlog"] == expected - limit == count(conn, STALE)
    )
    assert found["locked_count"] == 0
    assert count(conn, f"backlog = {expected - limit} AND deleted_count = {limit}", "job_runs") == 1


def test_runs_with_a_limit_get_to_the_end(inside: Inside, conn: Conn) -> None:
    """Run after run takes its share; the last one finds less, and leaves nothing."""
    stale = fill(conn, 1_000, 0.25)
    runs = [inside("cleanup-sessions", "--json", "--limit", "100").json for _ in range(3)]
    assert [run["deleted_count"] for run in runs] == [100, 100, stale - 200]
    assert [run["backlog"] for run in runs] == [stale - 100, stale - 200, 0]
    assert "forecast" not in runs[2]


def test_a_limit_that_is_reached_at_the_last_row_leaves_nothing(inside: Inside, conn: Conn) -> None:
    """The budget ended the run, and there is no backlog all the same."""
    stale = fill(conn, 1_000, 0.25)
    found = inside("cleanup-sessions", "--json", "--limit", str(stale)).json
    assert (found["deleted_count"], found["backlog"]) == (stale, 0)
    assert "forecast" not in found


def test_one_value_with_many_rows_is_limited_too(inside: Inside, conn: Conn) -> None:
    """Ties, which the index plan leaves to block ranges."""
    fill(conn, 200_000, 0)
    conn.execute(
        "INSERT INTO active_sessions SELECT 't' || i, 'k', now() - interval '1 h'"
        " FROM generate_series(1, 3000) i"
    )
    found = inside("cleanup-sessions", "--json", "--limit", "700").json
    assert (found["plan"], found["deleted_count"], found["backlog"]) == ("index", 700, 2300)


def test_a_limit_passes_locked_rows_by(inside: Inside, conn: Conn, db: str) -> None:
    """Rows that others hold do not use it up, and are no reason to exceed it."""
    stale = fill(conn, 2_000, 0.5)
    with psycopg.connect(db) as other:
        other.execute(f"SELECT FROM active_sessions WHERE {STALE} LIMIT 5 FOR UPDATE")  # type: ignore[arg-type]
        found = inside("cleanup-sessions", "--json", "--limit", "10").json
    assert found["deleted_count"] == 10
    assert count(conn, STALE) == found["backlog"] == stale - 10
    assert found["locked_count"] <= 5  # the rest was not looked at


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_limit_is_kept_when_a_commit_is_lost(
    inside: Inside, conn: Conn, server: Server, moment: Moment
) -> None:
    """What the ledger counted is gone from the budget, though nobody heard of it."""
    expected = fill(conn, 20_000, 0.6)
    with proxy(server) as network:
        cut = network.cut_at(b"DO $maint$", moment)
        url = {"DATABASE_URL": network.dsn(conn.info.dbname)}
        result = inside("cleanup-sessions", "--json", "--limit", "3000", env=url)
    assert (result.code, cut.done) == (0, True), result.err
    assert result.json["deleted_count"] == 3000
    assert count(conn, STALE) == expected - 3000


def test_a_limit_without_a_ledger(inside: Inside, conn: Conn) -> None:
    """What is gone is then counted here."""
    fill(conn, 20_000, 0.5)
    found = inside("cleanup-sessions", "--json", "--no-ledger", "--limit", "4000").json
    assert (found["deleted_count"], count(conn, STALE)) == (4000, 6000)


@pytest.mark.usefixtures("steady")
def test_time_is_a_budget(
    inside: Inside, conn: Conn, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What began before the time is over is finished; each run gets something done."""
    expected = fill(conn, 60_000, 0.6)
    clock.batches_take(0.4, monkeypatch)
    result = inside("cleanup-sessions", "--json", "--max-seconds", "1")
    found = result.json
    assert (result.code, found["outcome"]) == (0, "success"), result.err
    assert 0 < found["deleted_count"] < expected
    assert found["backlog"] == expected - found["deleted_count"] == count(conn, STALE)
    assert "--max-seconds 1 is spent" in result.err


def test_the_second_table_waits_when_the_first_takes_all(inside: Inside, conn: Conn) -> None:
    """A budget is the run's, not each partition's."""
    conn.execute("DROP TABLE active_sessions")
    conn.execute(
        "CREATE TABLE active_sessions (session_id text, access_key text, last_heartbeat timestamptz)"
        " PARTITION BY HASH (session_id)"
    )
    for part in (0, 1):
        conn.execute(
            f"CREATE TABLE p{part} PARTITION OF active_sessions"  # type: ignore[arg-type]
            f" FOR VALUES WITH (MODULUS 2, REMAINDER {part})"
        )
    fill(conn, 2_000, 1)
    found = inside("cleanup-sessions", "--json", "--limit", "10").json
    assert (found["deleted_count"], found["backlog"]) == (10, 1990)


@pytest.mark.parametrize("option", ["--limit", "--max-seconds"])
@pytest.mark.parametrize("value", ["0", "-5", "many", ""])
def test_no_budget_is_no_number(inside: Inside, conn: Conn, option: str, value: str) -> None:
    """Zero, negative, blank and words are wrong usage, and nothing is deleted."""
    fill(conn, 10, 1)
    result = inside("cleanup-sessions", option, value)
    assert (result.code, result.out) == (2, "")
    assert option in result.err
    assert count(conn) == 10


def test_a_budget_may_stand_in_the_configuration(inside: Inside, conn: Conn) -> None:
    """Like any option."""
    fill(conn, 100, 1)
    Path(inside.folder, "maint.toml").write_text("[jobs.cleanup-sessions]\nlimit = 7\n")
    assert inside("cleanup-sessions", "--json").json["deleted_count"] == 7
