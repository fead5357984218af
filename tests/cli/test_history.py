"""maint history and maint show"""

import json

import pytest

from tests.parts.inside import Inside
from tests.parts.ledger import Conn, run_was

_PARTIAL = {"deleted_count": 1000, "null_count": 20000, "locked_count": 0, "tables": {"a.b": 1000}}


def test_the_newest_runs_come_first(inside: Inside, conn: Conn) -> None:
    """As many as --limit says, of one job or of all."""
    old = run_was(conn, "success", ago="2 h")
    new = run_was(conn, "success", ago="1 h")
    other = run_was(conn, "success", ago="3 h", job="other-job")
    runs = inside("history", "--json").json["runs"]
    assert [run["run_id"] for run in runs] == [new, old, other]
    assert runs[0]["duration_ms"] == 100
    assert [r["run_id"] for r in inside("history", "--limit", "1", "--json").json["runs"]] == [new]
    assert [r["run_id"] for r in inside("history", "other-job", "--json").json["runs"]] == [other]


def test_failed_shows_failures_alone(inside: Inside, conn: Conn) -> None:
    """Those that count as failures, a run without an end among them."""
    run_was(conn, "success")
    run_was(conn, "skipped")
    run_was(conn, "interrupted")
    wanted = {run_was(conn, o) for o in ("failed", "refused", "timeout", "partial", "running")}
    runs = inside("history", "--failed", "--json").json["runs"]
    assert {run["run_id"] for run in runs} == wanted


def test_no_runs_is_a_sentence(inside: Inside) -> None:
    """And an unknown job is wrong usage."""
    assert inside("history").out == "No such run is recorded.\n"
    assert inside("history", "cleanup-sessions").code == 0
    result = inside("history", "cleanup-sesions")
    assert result.code == 2
    assert "did you mean cleanup-sessions?" in result.err


def test_a_run_is_found_by_the_beginning_of_its_id(inside: Inside, conn: Conn) -> None:
    """With or without dashes, in any case; all that the ledger holds is shown."""
    run_id = run_was(conn, "refused")
    for prefix in (run_id, run_id[:13], run_id.replace("-", ""), run_id.upper()):
        assert inside("show", prefix, "--json").json["run_id"] == run_id
    text = inside("show", run_id[:9]).out
    assert f"run id: {run_id}" in text
    assert "outcome: refused" in text
    assert "origin: cron" in text


def test_a_partial_run_shows_its_figures_and_its_message(inside: Inside, conn: Conn) -> None:
    """In the words of the run's own last line, in both commands."""
    run_id = run_was(conn, "partial")
    values = [json.dumps(_PARTIAL), "2 rows of public.x refer to them."]
    conn.execute("UPDATE job_runs SET counts = %s, message = %s", values)
    said = "2 rows of public.x refer to them: deleted 1,000, without a time 20,000\n"
    assert inside("history").out.endswith(said)
    lines = inside("show", run_id).out.splitlines()
    assert lines[-3:] == ["deleted: 1,000", "without a time: 20,000", 'tables: {"a.b": 1000}']
    assert inside("show", run_id, "--json").json["counts"] == _PARTIAL


def test_a_run_that_deleted_nothing_says_so(inside: Inside, conn: Conn) -> None:
    """As its own last line did."""
    run_was(conn, "success")
    conn.execute("UPDATE job_runs SET counts = %s", ['{"deleted_count": 0, "null_count": 0}'])
    assert inside("history").out.endswith("deleted 0\n")


def test_a_run_without_an_end_shows_what_its_batches_did(inside: Inside, conn: Conn) -> None:
    """Its figures come with the end; the ledger's own columns come with each batch."""
    run_id = run_was(conn, "running")
    conn.execute("UPDATE job_runs SET deleted_count = 1234, batches = 2")
    assert inside("history").out.endswith("deleted 1,234\n")
    assert {"deleted: 1,234", "batches: 2"} <= set(inside("show", run_id).out.splitlines())


def test_show_finds_the_newest_run(inside: Inside, conn: Conn) -> None:
    """Of all jobs, or of one; also of a job that only the database knows."""
    old = run_was(conn, "success", ago="2 h")
    new = run_was(conn, "partial", ago="1 h")
    gone = run_was(conn, "failed", ago="3 h", job="deed")
    assert inside("show", "latest", "--json").json["run_id"] == new
    assert inside("show", "cleanup-sessions", "--json").json["run_id"] == new
    assert inside("show", "deed", "--json").json["run_id"] == gone
    assert f"run id: {new}" in inside("show", "latest").out
    conn.execute("DELETE FROM job_runs WHERE run_id = %s", [new])
    assert inside("show", "latest", "--json").json["run_id"] == old


def test_show_finds_all_parts_of_the_newest_run(inside: Inside, conn: Conn) -> None:
    """As it does by the id of one of them."""
    parts = [run_was(conn, "success", ago=f"{hours} h") for hours in (2, 1)]
    for number, part in enumerate(parts):
        conn.execute(
            "UPDATE job_runs SET run_group = 'g', part = %s, parts = 2 WHERE run_id = %s",
            [number, part],
        )
    for wanted in ("latest", "cleanup-sessions"):
        found = inside("show", wanted, "--json").json
        assert [run["run_id"] for run in found["runs"]] == parts


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("latest", "No run is recorded yet."),
        ("cleanup-sessions", "No run of cleanup-sessions is recorded yet."),
        ("cleanup-sesions", "no run and no job 'cleanup-sesions'; did you mean cleanup-sessions?"),
    ],
)
def test_show_without_a_run_is_one_sentence(inside: Inside, wanted: str, said: str) -> None:
    """Exit code 2, and nothing on standard output."""
    result = inside("show", wanted)
    assert (result.code, result.out) == (2, "")
    assert said in result.err


def test_an_ambiguous_id_names_the_runs(inside: Inside, conn: Conn) -> None:
    """So that one can be chosen."""
    runs = [run_was(conn, "success"), run_was(conn, "success")]
    result = inside("show", runs[0][:2])
    assert (result.code, result.out) == (2, "")
    assert all(run in result.err for run in runs)


@pytest.mark.parametrize("text", ["0123", "xyz", "'; DROP TABLE job_runs; --", "-", "%", "0" * 40])
def test_an_unknown_run_is_one_sentence(inside: Inside, text: str) -> None:
    """Exit code 2, and where run ids are to be found."""
    result = inside("show", "--", text)
    assert (result.code, result.out) == (2, "")
    assert "maint history lists them" in result.err


@pytest.mark.parametrize("limit", ["0", "-1", "abc", "1.5", "99999999999999999999"])
def test_a_bad_limit_is_wrong_usage(inside: Inside, limit: str) -> None:
    """One sentence that names the option."""
    result = inside("history", f"--limit={limit}")
    assert (result.code, result.out) == (2, "")
    assert "--limit: " in result.err
