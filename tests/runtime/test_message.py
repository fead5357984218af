"""The sentence of a run that succeeded: in its report and in the ledger."""

from typing import Any

import pytest

from maintcli.runtime.report import sentence
from tests.parts.inside import Inside
from tests.parts.ledger import Conn

JOB = "cleanup-sessions"


@pytest.mark.parametrize(
    ("counts", "backlog", "said"),
    [
        ({"deleted_count": 1200, "tables": {"a.b": 1200}}, 0, "Deleted 1,200 rows from a.b."),
        ({"deleted_count": 1, "tables": {"a.b": 1, "c": 0}}, 1944, "Deleted 1 row; 1,944 remain."),
        ({"updated_count": 2, "requeued_count": 1}, None, "Updated 2 rows, requeued 1 job."),
        ({"erased_count": 1, "deleted_count": 9}, None, "Erased 1 user, deleted 9 rows."),
        ({"deleted_count": 0}, 0, "There was nothing to do."),
        ({"deleted_count": 0}, 5, "There was nothing to do; 5 remain."),
        (
            {"status": 200, "processed": None, "failed_count": 3},
            None,
            "Finished: status 200, failed 3.",
        ),
        ({}, None, "Finished."),
    ],
)
def test_a_success_says_what_was_done(counts: Any, backlog: int | None, said: str) -> None:
    """By its figures, and what is left."""
    assert sentence(counts, backlog=backlog, dry_run=False) == said


def test_a_dry_run_says_what_would_be_done() -> None:
    """And where counting took too long, that it did."""
    counts = {"deleted_count": 5, "tables": {"a.b": 5}}
    assert sentence(counts, backlog=5, dry_run=True) == "Would delete 5 rows from a.b."
    unknown = sentence({"deleted_count": None}, backlog=None, dry_run=True)
    assert unknown == "There is more to do than could be counted in time."


@pytest.mark.parametrize(
    ("arguments", "outcome", "words"),
    [
        ((), "success", "Deleted 2 rows from public.active_sessions."),
        (("--limit", "1"), "success", "Deleted 1 row from public.active_sessions; 1 remain."),
        (("--stale-after", "1y"), "success", "There was nothing to do."),
        (("--max-rows", "1"), "refused", "active_sessions"),
    ],
)
def test_the_message_is_filled_for_every_outcome(
    inside: Inside, conn: Conn, arguments: tuple[str, ...], outcome: str, words: str
) -> None:
    """The same in --json and in the ledger."""
    conn.execute(
        "INSERT INTO active_sessions SELECT g::text, 'k', now() - interval '1 h'"
        " FROM generate_series(1, 2) g"
    )
    found = inside(JOB, *arguments, "--json").json
    assert found["outcome"] == outcome
    assert words in found["message"]
    kept = conn.execute("SELECT outcome, message FROM job_runs").fetchall()
    assert kept == [(outcome, found["message"])]


def test_a_skipped_run_says_why(inside: Inside) -> None:
    """Paused, by whom, and how to resume."""
    inside("pause", JOB)
    assert "run: maint resume cleanup-sessions" in inside(JOB, "--json").json["message"]
