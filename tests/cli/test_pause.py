"""maint pause and maint resume"""

from typing import Any
from unittest import mock

from maintcli.engines.base import retry
from maintcli.engines.base.batch import Done
from tests.parts.inside import Inside
from tests.parts.ledger import Conn


def test_a_paused_job_is_skipped_until_it_is_resumed(inside: Inside) -> None:
    """Who and why are kept; the run ends as skipped with exit code 0."""
    paused = inside("pause", "cleanup-sessions", "--why", "migration tonight", "--json").json
    assert paused["job"] == "cleanup-sessions"
    assert paused["paused"]["why"] == "migration tonight"
    assert "@" in paused["paused"]["by"]
    run = inside("cleanup-sessions", "--json")
    assert (run.code, run.json["outcome"]) == (0, "skipped")
    assert "migration tonight" in run.json["message"]
    assert inside("resume", "cleanup-sessions").out == "cleanup-sessions runs again.\n"
    assert inside("cleanup-sessions", "--json").json["outcome"] == "success"


def test_a_pause_ends_by_itself(inside: Inside, conn: Conn) -> None:
    """--for and --until say when; after that the job runs, and is shown as not paused."""
    paused = inside("pause", "cleanup-sessions", "--for", "2h", "--json").json["paused"]
    assert paused["until"] > paused["since"]
    run = inside("cleanup-sessions", "--json").json
    assert run["outcome"] == "skipped"
    assert " until " in run["message"]
    conn.execute("UPDATE job_heartbeats SET paused_until = now()")
    assert inside("cleanup-sessions", "--json").json["outcome"] == "success"
    assert inside("resume", "cleanup-sessions", "--json").json["was_paused"] is False
    until = inside("pause", "cleanup-sessions", "--until", "2999-01-01", "--json").json["paused"]
    assert until["until"].startswith("2999-01-01T00:00:00")
    assert inside("cleanup-sessions", "--json").json["outcome"] == "skipped"


def test_a_pause_that_is_over_leaves_nothing_to_the_next(inside: Inside, conn: Conn) -> None:
    """Neither its time nor its reason."""
    inside("pause", "cleanup-sessions", "--for", "1h", "--why", "old")
    conn.execute("UPDATE job_heartbeats SET paused_at = 'epoch', paused_until = now()")
    paused = inside("pause", "cleanup-sessions", "--json").json["paused"]
    assert (paused["why"], paused["until"], paused["since"] > "2000") == (None, None, True)


def test_a_wrong_end_of_a_pause_is_refused(inside: Inside) -> None:
    """Exit 2 and the reason."""
    for option, value, reason in (
        ("--for", "soon", "--for: "),
        ("--for", "0s", "--for: 0s"),
        ("--until", "tomorrow", "is not a time"),
        ("--until", "2001-01-01", "is in the past"),
    ):
        result = inside("pause", "cleanup-sessions", option, value)
        assert (result.code, reason in result.err) == (2, True), result.err
    both = inside("pause", "cleanup-sessions", "--for", "1h", "--until", "2999-01-01")
    assert (both.code, "give one" in both.err) == (2, True)


def test_a_second_pause_keeps_the_first_ones_time_and_reason(inside: Inside) -> None:
    """Pausing what is paused makes nothing worse."""
    first = inside("pause", "cleanup-sessions", "--why", "one", "--json").json["paused"]
    second = inside("pause", "cleanup-sessions", "--json").json["paused"]
    assert second == first
    third = inside("pause", "cleanup-sessions", "--why", "two", "--json").json["paused"]
    assert (third["since"], third["why"]) == (first["since"], "two")


def test_resuming_what_is_not_paused_is_harmless(inside: Inside) -> None:
    """It says so, with exit code 0."""
    result = inside("resume", "cleanup-sessions")
    assert (result.code, result.out) == (0, "cleanup-sessions was not paused.\n")
    assert inside("resume", "cleanup-sessions", "--json").json["was_paused"] is False


def test_an_unknown_job_is_refused_and_nothing_is_written(inside: Inside, conn: Conn) -> None:
    """Exit code 2, with what was meant; jobs-runner is a row but no job."""
    for command in ("pause", "resume"):
        result = inside(command, "cleanup-session")
        assert result.code == 2
        assert "did you mean cleanup-sessions?" in result.err
        assert inside(command, "jobs-runner").code == 2
    assert conn.execute("SELECT count(*) FROM job_heartbeats").fetchall() == [(0,)]


def test_a_role_that_may_not_write_is_told_so(inside: Inside, conn: Conn, db: str) -> None:
    """77, in one sentence."""
    conn.execute("DROP ROLE IF EXISTS reader")
    conn.execute("CREATE ROLE reader LOGIN")
    conn.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    try:
        env = {"DATABASE_URL": db.replace("postgres@", "reader@")}
        result = inside("pause", "cleanup-sessions", env=env)
        assert result.code == 77
        assert "permission denied" in result.err
        assert "Run: maint db check" in result.err
        assert inside("status", env=env).code == 0
        check = inside("db", "check", "--json", env=env)
        assert (check.code, check.json["ok"]) == (77, False)
        assert check.json["tables"][0]["missing"] == ["INSERT", "UPDATE"]
        assert 'GRANT INSERT, UPDATE ON "public"."job_heartbeats" TO "reader";' in check.err
    finally:
        conn.execute("DROP OWNED BY reader")
        conn.execute("DROP ROLE reader")


def test_a_run_that_is_paused_meanwhile_goes_to_its_end(inside: Inside, conn: Conn) -> None:
    """All it found is deleted; the next one is skipped, and the pause is still there."""
    conn.execute("INSERT INTO active_sessions VALUES ('s', 'k', now() - interval '1 h')")
    send = retry.send

    def paused_first(*arguments: Any, **options: Any) -> Done:
        assert inside("pause", "cleanup-sessions", "--why", "moving house").code == 0
        return send(*arguments, **options)

    with mock.patch.object(retry, "send", paused_first):
        run = inside("cleanup-sessions", "--json")
    assert (run.code, run.json["deleted_count"]) == (0, 1), run.err
    assert conn.execute("SELECT count(*) FROM active_sessions").fetchone() == (0,)
    again = inside("cleanup-sessions", "--json")
    assert (again.code, again.json["outcome"]) == (0, "skipped")
    assert "moving house" in again.json["message"]
