"""Proof: whenever an archived sweep is killed, what it removed can be put back, to the last row."""

from pathlib import Path

from tests.parts.inside import Inside
from tests.proofs.arena import Arena
from tests.proofs.chaos import Chaos


def test_what_a_killed_sweep_removed_is_all_restored(
    arena: Arena, inside: Inside, chaos: Chaos, tmp_path: Path
) -> None:
    """After SIGKILL the archive that counts has exactly the rows that are gone."""
    place = ("--archive", str(tmp_path / "archive"))
    whole = _checksum(arena)
    for strike in chaos.strikes(chaos.times(5, 150), arena.usual(*place), in_mid_run=True):
        arena.restore()
        process = arena.start(*place)
        strike.wait(process, arena.batches)
        process.kill()
        process.communicate()
        arena.quiet()
        arena.exact()
        gone = arena.gone()
        chaos.met["in mid-run" if 0 < gone < arena.stale_rows else "before or after"] += 1
        if not gone:
            continue
        arena.expire_lease()
        (run,) = arena.ledger()
        for restored in (gone, 0):
            found = inside("restore", run.run_id, "--json", env={"DATABASE_URL": arena.dsn})
            assert (found.code, found.json["restored_count"]) == (0, restored), found.err
            assert _checksum(arena) == whole
    chaos.must_have_met("in mid-run")


def _checksum(arena: Arena) -> str:
    return str(
        arena.one(
            "SELECT count(*) || ' ' || sum(hashtextextended(s::text, 0)::numeric)"
            " FROM active_sessions s"
        )
    )
