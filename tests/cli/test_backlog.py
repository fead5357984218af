"""A backlog and its forecast, as people and programs read them."""

import json
from datetime import UTC, datetime

from maintcli.output.text import summary
from maintcli.runtime.report import Report
from tests.cli.test_status import job
from tests.engines.test_sweep import fill
from tests.parts.enabled import enable
from tests.parts.inside import Inside
from tests.parts.ledger import Conn, beat, run_was


def recorded(conn: Conn, backlog: int, forecast: dict[str, object] | None) -> None:
    """A run that ended with that backlog, and what it foretold."""
    beat(conn)
    run_id = run_was(conn, "success")
    counts = json.dumps({"forecast": forecast} if forecast else {})
    conn.execute(
        "UPDATE job_runs SET backlog = %s, counts = %s WHERE run_id = %s",
        [backlog, counts, run_id],
    )


FORETOLD = {
    "backlog": 12_000,
    "backlog_is_estimate": True,
    "outlook": "never catches up: 1,200 rows an hour come in, 900 go",
}


def test_status_shows_what_the_last_run_left(inside: Inside, conn: Conn) -> None:
    """From the ledger alone: no table is counted."""
    recorded(conn, 12_000, FORETOLD)
    conn.execute("DROP TABLE active_sessions")
    found = job(inside)
    assert (found["backlog"], found["forecast"]) == (12_000, FORETOLD)
    line = (
        "cleanup-sessions: about 12,000 rows left: never catches up:"
        " 1,200 rows an hour come in, 900 go"
    )
    assert line in inside("status").out.splitlines()


def test_status_says_nothing_of_what_is_done(inside: Inside, conn: Conn) -> None:
    """A newer run that left nothing outweighs the one before."""
    recorded(conn, 12_000, FORETOLD)
    newer = run_was(conn, "success", ago="30 s")
    conn.execute("UPDATE job_runs SET backlog = 0 WHERE run_id = %s", [newer])
    found = job(inside)
    assert (found["backlog"], found["forecast"]) == (0, None)
    assert "rows left" not in inside("status").out


def test_a_backlog_without_forecast_is_a_number(inside: Inside, conn: Conn) -> None:
    """Rows that others held locked, say."""
    recorded(conn, 1, None)
    assert "cleanup-sessions: 1 row left by the last run" in inside("status").out
    conn.execute("DELETE FROM job_runs")
    recorded(conn, 3, None)
    assert job(inside)["backlog"] == 3
    assert "cleanup-sessions: 3 rows left by the last run" in inside("status").out


def test_a_job_that_never_ran_has_no_backlog(inside: Inside) -> None:
    """Unknown is not zero."""
    (inside.folder / "maint.toml").write_text(enable("cleanup-sessions"))
    assert job(inside)["backlog"] is None


def test_a_run_ends_with_one_line_that_says_what_is_left(inside: Inside, conn: Conn) -> None:
    """On standard output, for cron's mail; the log has it, too."""
    fill(conn, 3_000, 1)
    result = inside("cleanup-sessions", "--limit", "1000")
    (line,) = result.out.splitlines()
    said = "2,000 rows left: after the next run maint can estimate when they will be gone"
    assert "success: deleted 1,000" in line
    assert said in line
    assert "--limit 1,000 is spent; 2,000 stale rows left" in result.err
    assert "throttled" not in line
    status = inside("status").out
    assert f"cleanup-sessions: {said}" in status


def test_figures_have_units() -> None:
    """Pauses in seconds, sizes in binary units; what is zero is not mentioned."""
    report = Report(job="j", run_id="r", dry_run=False, started_at=datetime.now(UTC))
    report.counts = {
        "deleted_count": 5,
        "bytes_reusable": 1_572_864,
        "bytes_returned": 0,
        "throttled_ms": 12_300,
        "throttled_by": {"replica lag": 12_300},
    }
    text = summary(report)
    assert text == "j: success: deleted 5, reusable about 1.5 MiB, throttled 12.3 s (0 ms, run r)\n"


def test_figures_have_words() -> None:
    """Rows without a time are not "null"; a dry run has erased and deleted nothing."""
    report = Report(job="j", run_id="r", dry_run=True, started_at=datetime.now(UTC))
    report.counts = {"erased_count": 19, "deleted_count": 5, "null_count": 751}
    said = "would erase 19, would delete 5, without a time 751"
    assert summary(report) == f"j: dry run: {said} (0 ms, run r)\n"
