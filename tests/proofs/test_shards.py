"""Several processes at once on one table: no gap, no overlap, and done when all are."""

import json
from collections.abc import Generator
from dataclasses import dataclass
from subprocess import Popen

import pytest

from maintcli.engines.base.stripes import STRIPE_BLOCKS
from tests.parts.cli import Maint, Result
from tests.parts.ledger import Conn
from tests.parts.waiting import PATIENCE, until

JOB = "cleanup-sessions"
ROWS = 70_000
SETUP = f"""
ALTER TABLE active_sessions SET (fillfactor = 10, autovacuum_enabled = false);
INSERT INTO active_sessions (session_id, access_key, last_heartbeat)
    SELECT 's' || i, md5(i::text),
           now() - CASE WHEN i % 3 = 0 THEN interval '1 day' ELSE interval '-1 hour' END
    FROM generate_series(1, {ROWS}) i
"""
GATE = """
CREATE TABLE gate (open boolean);
CREATE FUNCTION wait_for_gate() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN WHILE NOT EXISTS (SELECT FROM gate) LOOP PERFORM pg_sleep(0.005); END LOOP;
    RETURN NULL; END $$;
CREATE TRIGGER a_gate BEFORE DELETE ON active_sessions FOR EACH STATEMENT
    EXECUTE FUNCTION wait_for_gate();
"""


@dataclass
class Field:
    """A table of several stripes, a third of its rows stale."""

    conn: Conn
    dsn: str
    maint: Maint

    def start(self, part: int, parts: int, **env: str) -> Popen[str]:
        """Start one part and go on."""
        words = (JOB, "--shard", f"{part}/{parts}", "--json", "--share", "100")
        return self.maint.start(*words, env={"DATABASE_URL": self.dsn, **env})

    def run(self, part: int, parts: int, *more: str, **env: str) -> Result:
        """Run one part to its end."""
        words = (JOB, "--shard", f"{part}/{parts}", "--json", *more)
        return self.maint(*words, env={"DATABASE_URL": self.dsn, **env})

    def count(self, what: str, *values: object) -> int:
        """The one number that `what` asks for."""
        row = self.conn.execute(f"SELECT {what}", values or None).fetchone()  # type: ignore[arg-type]
        assert row is not None
        return int(str(row[0]))

    def stale(self) -> int:
        """The stale rows that are left."""
        return self.count(
            "count(*) FROM active_sessions WHERE last_heartbeat < now() - interval '1 h'"
        )

    def stale_by_stripe(self) -> dict[int, int]:
        """The same by stripe."""
        rows = self.conn.execute(
            f"SELECT (ctid::text::point)[0]::bigint / {STRIPE_BLOCKS} AS stripe, count(*)"
            " FROM active_sessions WHERE last_heartbeat < now() - interval '1 h' GROUP BY 1"
        )
        return {int(str(stripe)): int(str(number)) for stripe, number in rows}

    def fresh(self) -> int:
        """The other rows."""
        return self.count("count(*) FROM active_sessions") - self.stale()

    def counted(self) -> int:
        """What the ledger says was deleted by all runs together."""
        return self.count("coalesce(sum(deleted_count), 0) FROM job_runs")

    def job(self) -> tuple[object, ...]:
        """Whether the job ever succeeded, and its failures in a row."""
        row = self.conn.execute(
            "SELECT last_success_at IS NOT NULL, consecutive_failures FROM job_heartbeats"
            " WHERE name = %s",
            [JOB],
        ).fetchone()
        assert row is not None
        return row

    def groups(self) -> list[tuple[object, ...]]:
        """Each whole: its parts, and the runs in it."""
        return self.conn.execute(
            "SELECT parts, count(*), count(DISTINCT part) FROM job_runs"
            " GROUP BY run_group, parts ORDER BY min(started_at)"
        ).fetchall()

    def expire(self) -> None:
        """As if the time of every lease had passed."""
        self.conn.execute(
            "UPDATE job_heartbeats SET lease_expires_at = now() - interval '1 s'"
            " WHERE lease_run_id IS NOT NULL"
        )


@pytest.fixture
def field(conn: Conn, db: str, maint: Maint) -> Generator[Field]:
    """A field in a database of the test's own."""
    conn.execute(SETUP)  # type: ignore[arg-type]
    made = Field(conn, db, maint)
    assert made.count("pg_relation_size('active_sessions') / 8192") > 5 * STRIPE_BLOCKS
    yield made
    maint.end()


def test_rows_below_go_with_their_part(field: Field) -> None:
    """Two parts at once on a table that others refer to: each row is counted once."""
    field.conn.execute(
        "CREATE TABLE notes (session_id text NOT NULL REFERENCES active_sessions ON DELETE CASCADE)"
    )
    field.conn.execute(
        f"INSERT INTO notes SELECT 's' || 1 + (i * 7919::bigint) % {ROWS}"
        " FROM generate_series(1, 20000) i"  # type: ignore[arg-type]
    )
    field.conn.execute("CREATE INDEX ON notes (session_id)")
    expected = field.stale()
    kept = field.count(
        "count(*) FROM notes JOIN active_sessions USING (session_id)"
        " WHERE last_heartbeat >= now() - interval '1 h'"
    )
    assert 0 < kept < 20_000
    dry = [field.run(part, 2, "--dry-run").json for part in range(2)]
    began = [field.start(part, 2) for part in range(2)]
    ended = [(process.communicate(timeout=PATIENCE), process.returncode) for process in began]
    assert [code for _, code in ended] == [0, 0], ended
    reports = [json.loads(out) for (out, _), _ in ended]
    assert field.stale() == 0
    assert field.count("count(*) FROM notes") == kept
    assert sum(report["deleted_count"] for report in reports) == field.counted() == expected
    assert [report["deleted_count"] for report in dry] == [r["deleted_count"] for r in reports]
    notes = [report["tables"]["public.notes"] for report in reports]
    assert sum(notes) == 20_000 - kept
    assert min(notes) > 0


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_parts_at_once_delete_every_stale_row_once(field: Field, parts: int) -> None:
    """Together they remove exactly the stale rows; the ledger's counts add up to those."""
    expected, kept = field.stale(), field.fresh()
    began = [field.start(part, parts) for part in range(parts)]
    ended = [(process.communicate(timeout=PATIENCE), process.returncode) for process in began]
    assert [code for _, code in ended] == [0] * parts, ended
    assert (field.stale(), field.fresh()) == (0, kept)
    assert field.counted() == expected
    shares = field.conn.execute("SELECT deleted_count FROM job_runs ORDER BY part").fetchall()
    assert len(shares) == parts
    assert all(int(str(share)) > expected / parts / 4 for (share,) in shares), shares
    assert field.groups() == [(parts, parts, parts)]
    assert field.job() == (True, 0)


def test_a_part_touches_its_own_stripes_alone(field: Field) -> None:
    """In every third stripe all that is stale is gone, in the others nothing is."""
    before = field.stale_by_stripe()
    found = field.run(1, 3)
    assert found.code == 0, found.err
    after = field.stale_by_stripe()
    gone = [stripe for stripe in before if stripe not in after]
    assert {stripe % 3 for stripe in gone} == {gone[0] % 3}
    assert {s: n for s, n in before.items() if s % 3 != gone[0] % 3} == after
    assert found.json["deleted_count"] == sum(before[stripe] for stripe in gone)


def test_dry_runs_of_the_parts_add_up(field: Field) -> None:
    """Each counts its own stripes, and is what its real run deletes."""
    dry = [field.run(part, 3, "--dry-run").json["deleted_count"] for part in range(3)]
    assert sum(dry) == field.stale()
    assert len(set(dry)) > 1
    assert [field.run(part, 3).json["deleted_count"] for part in range(3)] == dry


def test_a_killed_part_is_run_again_and_only_then_is_the_job_done(field: Field) -> None:
    """SIGKILL in mid-batch: the others succeed, the job does not; the second try completes it."""
    expected = field.stale()
    field.conn.execute(GATE)
    began = [field.start(part, 3) for part in range(3)]
    asleep = "count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    until(lambda: field.count(asleep) == 3, "all three are in a batch")
    began[1].kill()
    began[1].communicate()
    field.conn.execute("INSERT INTO gate VALUES (true)")
    for process in (began[0], began[2]):
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
    until(lambda: field.count(asleep) == 0, "the server has finished the killed one's batch")
    assert field.job() == (False, 0)
    field.expire()
    again = field.run(1, 3)
    assert (again.code, again.json["outcome"]) == (0, "success"), again.err
    assert any("lost" in warning for warning in again.json["warnings"])
    assert field.groups() == [(3, 4, 3)]
    assert field.stale() == 0
    assert field.counted() == expected
    assert field.job() == (True, 0)


def test_small_partitions_are_shared_out_too(conn: Conn, db: str, maint: Maint) -> None:
    """Each is all of one stripe, and not all of them are one part's."""
    conn.execute("DROP TABLE active_sessions")
    conn.execute(
        "CREATE TABLE active_sessions (session_id text, access_key text,"
        " last_heartbeat timestamptz) PARTITION BY HASH (session_id)"
    )
    for number in range(16):
        conn.execute(
            f"CREATE TABLE part_{number} PARTITION OF active_sessions"
            f" FOR VALUES WITH (MODULUS 16, REMAINDER {number})"  # type: ignore[arg-type]
        )
    conn.execute(
        "INSERT INTO active_sessions SELECT i, 'k', now() - interval '1 d'"
        " FROM generate_series(1, 800) i"
    )
    field = Field(conn, db, maint)
    dry = [field.run(part, 2, "--dry-run").json["deleted_count"] for part in range(2)]
    shares = [field.run(part, 2).json["deleted_count"] for part in range(2)]
    assert shares == dry
    assert sum(shares) == 800
    assert min(shares) > 0
    assert field.stale() == 0
