"""Runs that are parts of one whole: what joins them, and when the job is done."""

import threading
from collections.abc import Mapping
from typing import Any

import psycopg
import pytest

from tests.parts.cli import Result
from tests.parts.inside import Inside
from tests.parts.ledger import Conn, beat
from tests.parts.waiting import until

JOB = "cleanup-sessions"


def part(inside: Inside, shard: str, *more: str, env: Mapping[str, str] | None = None) -> Result:
    """Run one part to its end."""
    return inside(JOB, "--shard", shard, "--json", *more, env=env)


def group(inside: Inside, shard: str, env: Mapping[str, str] | None = None) -> str:
    """Run one part, which succeeds; the whole that it joined."""
    found = part(inside, shard, env=env)
    assert (found.code, found.json["outcome"], found.json["shard"]) == (0, "success", shard)
    return str(found.json["run_group"])


def job(conn: Conn) -> tuple[Any, ...]:
    """Whether the job ever succeeded, its failures in a row, and the last of them."""
    row = conn.execute(
        "SELECT last_success_at IS NOT NULL, consecutive_failures, last_error"
        " FROM job_heartbeats WHERE name = %s",
        [JOB],
    ).fetchone()
    assert row is not None
    return row


def long_ago(conn: Conn, ago: str) -> None:
    """All runs began that long ago."""
    conn.execute("UPDATE job_runs SET started_at = now() - %s::interval", [ago])


def test_the_job_is_done_when_all_parts_are(inside: Inside, conn: Conn) -> None:
    """In any order; the whole is called by its first run."""
    first = part(inside, "2/3").json
    assert first["run_group"] == first["run_id"]
    assert job(conn) == (False, 0, None)
    assert group(inside, "0/3") == first["run_group"]
    assert job(conn) == (False, 0, None)
    assert group(inside, "1/3") == first["run_group"]
    assert job(conn) == (True, 0, None)


def test_a_failed_part_counts_one_failure(inside: Inside, conn: Conn) -> None:
    """It is the job's, with the part named; the last part to succeed takes it back."""
    wrong = {"MAINT_CLEANUP_SESSIONS_STALE_AFTER": "0s"}
    assert part(inside, "0/2", env=wrong).code == 65
    done, failures, error = job(conn)
    assert (done, failures) == (False, 1)
    assert error.startswith("part 0/2: environment MAINT_")
    joined = group(inside, "1/2")
    assert job(conn) == (False, 1, error)
    assert group(inside, "0/2") == joined
    assert job(conn) == (True, 0, None)


def test_a_lost_part_counts_one_failure_once(inside: Inside, conn: Conn) -> None:
    """Whichever part begins next finds it; one whose lease lasts is not called lost."""
    group(inside, "0/2")
    conn.execute("UPDATE job_runs SET outcome = 'running', finished_at = NULL")
    held = (
        "UPDATE job_heartbeats SET lease_run_id = (SELECT run_id FROM job_runs LIMIT 1),"
        " lease_expires_at = now() + %s::interval WHERE name = 'cleanup-sessions 0/2'"
    )
    conn.execute(held, ["1 min"])
    assert part(inside, "1/2").json["warnings"] == []
    assert part(inside, "0/2").json["outcome"] == "skipped"
    conn.execute(held, ["-1 s"])
    (warning,) = part(inside, "1/2").json["warnings"]
    assert "lost" in warning
    assert job(conn)[:2] == (False, 1)
    assert part(inside, "0/2").json["warnings"] == []
    assert job(conn) == (True, 0, None)


def test_the_next_round_is_another_whole(inside: Inside) -> None:
    """A part that has succeeded begins a new one; so does another number of parts."""
    first = group(inside, "0/2")
    assert group(inside, "1/2") == first
    second = group(inside, "1/2")
    assert second != first
    assert group(inside, "0/2") == second
    assert group(inside, "0/3") not in {first, second}


def test_a_whole_of_some_time_ago_is_not_joined(inside: Inside, conn: Conn) -> None:
    """The timeout, one minute here, and two more, so that a killed part can come again."""
    first = group(inside, "0/3")
    long_ago(conn, "170 s")
    assert group(inside, "1/3") == first
    long_ago(conn, "190 s")
    assert group(inside, "2/3") != first
    assert job(conn) == (False, 0, None)


def of_kubernetes(number: int) -> dict[str, str]:
    """What a pod of an Indexed Job finds in its environment."""
    return {"HOSTNAME": f"my-night-{number}", "JOB_COMPLETION_INDEX": str(number)}


def of_variable(_number: int) -> dict[str, str]:
    """A name of one's own, with what SQL and formatting might trip over."""
    return {"MAINT_RUN_GROUP": "50% of 'night' %s {x}"}


@pytest.mark.parametrize("env", [of_variable, of_kubernetes])
def test_a_named_whole_is_joined_later(inside: Inside, conn: Conn, env: Any) -> None:
    """By MAINT_RUN_GROUP, or the name of the Kubernetes Job."""
    first = group(inside, "0/2", env(0))
    assert first in {"my-night", "50% of 'night' %s {x}"}
    long_ago(conn, "1 h")
    assert group(inside, "1/2", env(1)) == first
    assert job(conn) == (True, 0, None)


@pytest.mark.parametrize("ago", ["1 h", "8 days"])
def test_a_name_may_come_again(inside: Inside, conn: Conn, ago: str) -> None:
    """A Job of the same name, deleted and made anew, is another whole, and waits for its parts."""
    for number in range(2):
        group(inside, f"{number}/2", of_kubernetes(number))
    long_ago(conn, ago)
    conn.execute("UPDATE job_heartbeats SET last_success_at = NULL")
    second = group(inside, "1/2", of_kubernetes(1))
    assert second.startswith("my-night ")
    assert job(conn) == (False, 0, None)
    assert group(inside, "0/2", of_kubernetes(0)) == second
    assert job(conn) == (True, 0, None)


def test_the_index_of_a_kubernetes_job_is_the_part(inside: Inside) -> None:
    """auto/N and /N read JOB_COMPLETION_INDEX; a number beside it is as good."""
    for shard in ("auto/4", "/4", "2/4"):
        assert part(inside, shard, env=of_kubernetes(2)).json["shard"] == "2/4"


def test_the_part_may_come_from_the_jobs_variable(inside: Inside) -> None:
    """As any option."""
    found = inside(JOB, "--json", env={"MAINT_CLEANUP_SESSIONS_SHARD": "1/2"})
    assert found.json["shard"] == "1/2"


WRONG = [
    ("4/4", {}, "there is no part 4 of 4; they are 0 to 3"),
    ("0/0", {}, "0 parts are out of range; use 1 to 1000"),
    ("0/1001", {}, "1001 parts are out of range"),
    ("-1/4", {}, "'-1/4' is no part of a whole; write e.g. 0/4"),
    ("one", {}, "'one' is no part of a whole"),
    ("$(JOB_COMPLETION_INDEX)/4", {}, "is no part of a whole"),
    ("auto/4", {}, "JOB_COMPLETION_INDEX is not set"),
    ("/4", {"JOB_COMPLETION_INDEX": "x"}, "JOB_COMPLETION_INDEX is 'x'"),
    ("/4", {"JOB_COMPLETION_INDEX": "4"}, "there is no part 4 of 4"),
]


@pytest.mark.parametrize(("shard", "env", "words"), WRONG)
def test_a_part_that_cannot_be_is_wrong_usage(
    inside: Inside, conn: Conn, shard: str, env: dict[str, str], words: str
) -> None:
    """One sentence, before anything is connected to: 2 for the option, 78 for the variable."""
    result = inside(JOB, "--shard", shard, env=env)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("maint: --shard: ")
    assert words in result.err
    variable = {"MAINT_CLEANUP_SESSIONS_SHARD": shard, **env}
    result = inside(JOB, env=variable)
    assert result.code == 78
    assert "MAINT_CLEANUP_SESSIONS_SHARD: " in result.err
    assert conn.execute("SELECT count(*) FROM job_heartbeats").fetchone() == (0,)


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "a\x1b[2J"])
def test_a_name_that_will_not_do_is_refused(inside: Inside, name: str) -> None:
    """Blank, endless, or made to drive a terminal."""
    result = part(inside, "0/2", env={"MAINT_RUN_GROUP": name})
    assert result.code == 78
    assert "MAINT_RUN_GROUP" in result.json["message"]


def test_each_part_has_a_lease_of_its_own(inside: Inside, conn: Conn) -> None:
    """A part that is held is skipped, and its sister works."""
    part(inside, "0/2")
    conn.execute(
        "UPDATE job_heartbeats SET lease_expires_at = now() + interval '1 min',"
        " lease_run_id = gen_random_uuid() WHERE name = 'cleanup-sessions 0/2'"
    )
    held = part(inside, "0/2")
    assert (held.code, held.json["outcome"]) == (0, "skipped")
    assert "already running" in held.json["message"]
    assert part(inside, "1/2").json["outcome"] == "success"


def test_a_paused_job_pauses_its_parts(inside: Inside, conn: Conn) -> None:
    """Also one that never ran."""
    assert inside("pause", JOB, "--why", "moving house").code == 0
    found = part(inside, "1/2")
    assert (found.code, found.json["outcome"]) == (0, "skipped")
    assert "moving house" in found.json["message"]
    assert conn.execute("SELECT count(*) FROM job_runs").fetchone() == (0,)
    inside("resume", JOB)
    assert part(inside, "1/2").json["outcome"] == "success"


def test_a_table_that_is_no_heap_is_refused(inside: Inside, conn: Conn) -> None:
    """In one sentence that says what to do instead; here the catalog is made to lie."""
    beat(conn)
    query = "SELECT amname FROM pg_am WHERE amtype = 't' AND amname <> 'heap'"
    assert conn.execute(query).fetchall() == []
    conn.execute("CREATE ACCESS METHOD other TYPE TABLE HANDLER heap_tableam_handler")
    conn.execute("ALTER TABLE active_sessions SET ACCESS METHOD other")
    result = part(inside, "0/2")
    assert result.code == 78
    assert "is not stored in a heap, so --shard cannot divide it" in result.json["message"]


def test_an_end_waits_for_whoever_holds_the_row_of_the_job(
    inside: Inside, conn: Conn, db: str
) -> None:
    """Longer than any one statement waits for a lock: a success is not lost to its sisters."""
    conn.execute("INSERT INTO active_sessions VALUES ('s', 'k', now() - interval '1 h')")
    waits = (
        "SELECT query_start FROM pg_stat_activity WHERE application_name LIKE 'maint/%%'"
        " AND datname = current_database() AND wait_event_type = 'Lock' AND query LIKE %s"
    )
    with psycopg.connect(db) as table, psycopg.connect(db) as row:
        table.execute("LOCK TABLE active_sessions IN EXCLUSIVE MODE")

        def hold() -> None:
            until(lambda: conn.execute(waits, ["%DELETE%"]).fetchall(), "it works")
            row.execute("SELECT FROM job_heartbeats WHERE name = %s FOR UPDATE", [JOB])
            table.rollback()
            tries: set[Any] = set()
            until(
                lambda: tries.update(conn.execute(waits, ["%finished_at%"])) or len(tries) > 1,
                "it has tried to end twice",
            )
            row.rollback()

        thread = threading.Thread(target=hold)
        thread.start()
        found = part(inside, "0/1")
        thread.join()
    assert (found.code, found.json["outcome"]) == (0, "success"), found.err
    assert job(conn) == (True, 0, None)
