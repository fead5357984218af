"""The forecast: what came in, what went, and when the backlog will be gone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maintcli.engines.base.forecast import Run, forecast
from tests.engines.test_sweep import Conn, fill
from tests.parts.inside import Inside
from tests.parts.ledger import run_was

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def run(
    hours_ago: float,
    deleted: int,
    backlog: int | None,
    *,
    unfinished: bool = True,
    minutes: int = 6,
) -> Run:
    """A run of `minutes` that ended so long before noon."""
    return Run(NOON - timedelta(hours=hours_ago), minutes * 60, deleted, backlog, unfinished)


def test_a_first_run_knows_only_itself() -> None:
    """Its pace, not what comes in."""
    found = forecast(run(0, 900, 5_000), [])
    assert (found.pace_per_hour, found.inflow_per_hour, found.catches_up) == (9_000, None, None)
    assert found.outlook == "after the next run maint can estimate when they will be gone"


def test_a_backlog_that_shrinks_is_gone_some_day() -> None:
    """900 go and 700 come in each hour: 200 less an hour."""
    found = forecast(run(0, 900, 4_800), [run(1, 900, 5_000), run(2, 900, 5_200)])
    assert (found.inflow_per_hour, found.cleared_per_hour) == (700, 900)
    assert found.clears_in_seconds == 24 * 3600
    assert found.outlook == ("clears in 24 h at this schedule (700 rows an hour come in, 900 go)")


def test_a_backlog_that_grows_never_clears() -> None:
    """And the sentence says why."""
    found = forecast(run(0, 900, 5_300), [run(1, 900, 5_000)])
    assert (found.catches_up, found.clears_in_seconds) == (False, None)
    assert found.outlook == "never catches up: 1,200 rows an hour come in, 900 go"


def test_runs_that_ended_in_an_error_count_for_what_they_deleted() -> None:
    """A run without a known backlog lies between two that have one."""
    found = forecast(run(0, 900, 4_600), [run(1, 100, None), run(2, 900, 5_000)])
    assert found.inflow_per_hour == (4_600 - 5_000 + 1_000) / 2
    assert found.cleared_per_hour == 500


def test_runs_that_found_little_do_not_say_how_much_they_could_have_taken() -> None:
    """Only what ended early tells how much a run can do: here the last one, 900."""
    quiet = [run(n, 100, 0, unfinished=False) for n in range(1, 5)]
    found = forecast(run(0, 900, 100), quiet)
    assert found.inflow_per_hour == (100 + 900 + 300) / 4
    assert found.cleared_per_hour == 900
    assert found.catches_up


@given(
    st.integers(0, 10_000),
    st.lists(st.tuples(st.integers(0, 5_000), st.integers(1, 5_000)), min_size=2, max_size=20),
)
def test_what_came_in_is_found_whatever_the_runs_did(
    backlog: int, hours: list[tuple[int, int]]
) -> None:
    """Simulated hours: rows come in, a run takes some; the books give back exactly what came in."""
    runs = [Run(NOON, 60, 0, backlog, unfinished=True)]
    for number, (came, most) in enumerate(hours, start=1):
        gone = min(backlog + came, most)
        backlog += came - gone
        end = NOON + timedelta(hours=number)
        runs.append(Run(end, 60, gone, backlog, unfinished=True))
    this, *past = reversed(runs)
    found = forecast(this, past)
    mean = sum(came for came, _ in hours) / len(hours)
    assert found.inflow_per_hour == round(mean)
    if found.clears_in_seconds is not None:
        assert backlog == this.backlog
        assert found.clears_in_seconds >= 0


def earlier(conn: Conn, *, hours: int, deleted: int, **columns: Any) -> str:
    """A run of the ledger that ended then."""
    run_id = run_was(conn, "success", ago=f"{hours} h")
    columns |= {"deleted_count": deleted}
    for name, value in columns.items():
        conn.execute(f"UPDATE job_runs SET {name} = %s WHERE run_id = %s", [value, run_id])  # type: ignore[arg-type]
    return run_id


def test_the_ledger_tells_the_forecast(inside: Inside, conn: Conn) -> None:
    """An hour ago 400 were left; now 300 after 200 more: 100 came in."""
    fill(conn, 500, 1)
    earlier(conn, hours=1, deleted=200, backlog=400)
    found = inside("cleanup-sessions", "--json", "--limit", "200").json
    # The hour has grown by what the test took until the run's end.
    assert found["forecast"]["inflow_per_hour"] == pytest.approx(100, rel=0.1)
    assert found["forecast"]["cleared_per_hour"] == pytest.approx(200, rel=0.1)
    assert found["forecast"]["rows_this_run"] == 200
    assert found["forecast"]["clears_in_seconds"] == pytest.approx(3 * 3600, rel=0.1)
    assert found["forecast"]["outlook"].startswith("clears in 3")


def test_runs_with_other_ages_say_nothing(inside: Inside, conn: Conn) -> None:
    """A shorter retention makes a backlog at once; that is no inflow."""
    fill(conn, 500, 1)
    earlier(conn, hours=1, deleted=200, backlog=0, retention='{"active_sessions": "90 d"}')
    found = inside("cleanup-sessions", "--json", "--limit", "200").json
    assert found["forecast"]["inflow_per_hour"] is None


def test_without_a_ledger_only_the_backlog_is_known(inside: Inside, conn: Conn) -> None:
    """It is said all the same."""
    fill(conn, 500, 1)
    found = inside("cleanup-sessions", "--json", "--no-ledger", "--limit", "200").json
    assert (found["backlog"], found["forecast"]["backlog"]) == (300, 300)
    assert found["forecast"]["catches_up"] is None


def test_a_run_that_did_it_all_makes_none(inside: Inside, conn: Conn) -> None:
    """Nothing left, nothing to foretell."""
    fill(conn, 500, 1)
    found = inside("cleanup-sessions", "--json").json
    assert found["backlog"] == 0
    assert "forecast" not in found


def test_a_backlog_too_large_to_count_is_estimated(
    inside: Inside, conn: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a sample, to two figures, and it says so."""
    from maintcli.engines.base import forecast as module

    monkeypatch.setattr(module, "_MOST", 100)
    stale = fill(conn, 40_000, 0.5)
    conn.execute("ANALYZE active_sessions")
    result = inside("cleanup-sessions", "--json", "--limit", "10")
    found = result.json
    assert found["forecast"]["backlog_is_estimate"] is True
    assert found["backlog"] == pytest.approx(stale, rel=0.2)
    assert found["backlog"] % 1_000 == 0
    assert "about" in result.err
