"""Proof: an archived sweep that is killed at any instant, and the next run, can be undone exactly."""

from pathlib import Path

import pytest

from tests.jobs.every import OLD_SESSIONS
from tests.proofs.aftermath import next_run
from tests.proofs.chaos import Chaos
from tests.proofs.every_arena import EveryArena, Fight

MORE_CHILDREN = """
INSERT INTO chat_messages (session_id, role, content)
SELECT id, 'assistant', n || ' of ' || id FROM chat_sessions, generate_series(1, 2) AS n;
INSERT INTO peptide_info_messages (session_id, role, content)
SELECT id, 'assistant', 'the same' FROM peptide_info_sessions, generate_series(1, 2)
"""
FORGET = "TRUNCATE job_runs, job_archives, job_heartbeats, job_slots"
CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name LIKE 'maint/%' AND datname = current_database()
"""
"""The server, too, forgets the batch that it has got, which it would else complete."""


@pytest.mark.parametrize("every", [OLD_SESSIONS], ids=str)
def test_a_restore_of_all_runs_puts_back_exactly_what_went(
    fight: Fight, chaos: Chaos, tmp_path: Path
) -> None:
    """Parents and children, no row twice and none lost, whenever the SIGKILL came."""
    with fight() as arena:
        arena.conn.execute(MORE_CHILDREN)
        arena.before = arena.contents()
        arena.more = ("--archive", str(tmp_path / "archive"))
        usual = arena.usual()
        undo(arena)
        for n, strike in enumerate(chaos.strikes(chaos.times(10, 300), usual, in_mid_run=True)):
            arena.conn.execute(FORGET)
            arena.slow_down()
            process = arena.start()
            strike.wait(process, arena.batches)
            process.kill()
            if n % 2:
                arena.conn.execute(CUT)
            process.communicate()
            arena.quiet()
            assert arena.counted() == arena.gone()
            chaos.met[next_run(arena, look_before=False) + left_over(arena, tmp_path)] += 1
            undo(arena)
    chaos.must_have_met("in mid-run")
    chaos.must_have_met("in mid-run, with a file that does not count")


def undo(arena: EveryArena) -> None:
    """Restore every run, the last first; fail unless all is as it was, to the last row."""
    after = arena.contents()
    assert arena.stale() == 0
    back = 0
    for run in reversed(arena.ledger()):
        found = arena.inside("restore", run.run_id, "--json", env={"DATABASE_URL": arena.dsn})
        if run.deleted == 0 and found.code == 78:
            assert "no batch of it was archived" in found.err
            continue
        assert found.code == 0, found.err
        assert found.json["existing_count"] == 0
        back += found.json["restored_count"]
    assert arena.contents() == arena.before
    assert back == arena.before.total() - after.total() > 0


def left_over(arena: EveryArena, folder: Path) -> str:
    """Whether the kill came between a file and its COMMIT."""
    counted = {row[0] for row in arena.conn.execute("SELECT file FROM job_archives")}
    runs = {run.run_id for run in arena.ledger()}
    there = {
        f"{file.parent.name}/{file.name}"
        for file in (folder / "archive").glob("*/*.sql.gz*")
        if file.parent.name in runs
    }
    assert counted <= there
    return ", with a file that does not count" if there - counted else ""
