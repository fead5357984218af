"""Proof: a role with CREATE on a schema of the path gets no code of its own run by maint."""

from collections.abc import Generator, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.jobs.every import EVERY, SWEEP, Every, fill, one
from tests.parts.backend import backend, reply
from tests.parts.inside import Inside
from tests.parts.planted import plant

Conn = psycopg.Connection[Any]


@pytest.fixture
def ran() -> Generator[Path]:
    """Where the server puts the names of what was run: a folder that its user can write."""
    with TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder


def add_trigger(conn: Conn, tables: Iterable[str]) -> None:
    """The user's own code on each of `tables`, which changes nothing."""
    conn.execute(
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
    )
    for table in tables:
        conn.execute(
            sql.SQL(
                "CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON {}"
                " FOR EACH ROW EXECUTE FUNCTION note()"
            ).format(sql.Identifier(table))
        )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_planted_code_is_found_where_it_is_looked_for(conn: Conn, db: str, ran: Path) -> None:
    """Each kind runs, and is noticed, in a session that pins nothing; so the proofs can fail."""
    plant(conn, ran)
    with psycopg.connect(db, autocommit=True) as other:
        for query in (
            "SELECT format('%s', 1::bigint)",
            "SELECT pg_catalog.now() > pg_catalog.now()",
            "SELECT 'a'::text",
            "SELECT FROM pg_class",
            "SELECT now()",
        ):
            with pytest.raises(psycopg.errors.RaiseException, match="planted code ran"):
                other.execute(query)
    found = names(ran)
    assert {"now", "format"} <= set(found)
    assert any("operator" in name for name in found)
    assert any("type text" in name for name in found)
    assert any("view pg_class" in name for name in found)


@pytest.mark.parametrize("every", EVERY, ids=str)
@pytest.mark.parametrize("with_trigger", [False, True], ids=["plain", "trigger"])
def test_no_job_runs_planted_code(
    inside: Inside, conn: Conn, ran: Path, every: Every, *, with_trigger: bool
) -> None:
    """A dry run, and a real run that does all of its work.

    Where a trigger stands on the tables, statements that fire it get the user's search path.
    """
    (inside.folder / "maint.toml").write_text(every.toml)
    due = fill(conn, every, stale=20, fresh=7)
    if with_trigger:
        add_trigger(conn, every.tables)
    plant(conn, ran)
    dry = inside(*every.command, "--dry-run", "--json")
    assert (dry.code, names(ran)) == (0, []), dry.err
    real = inside(*every.command, "--json")
    assert (real.code, names(ran)) == (0, []), real.err
    assert (real.json[every.figure], one(conn, every.stale)) == (due, 0)


def test_no_command_runs_planted_code(inside: Inside, conn: Conn, ran: Path) -> None:
    """Archive and restore, and what an operator asks and sets."""
    with backend() as there:
        there.behaves = reply(body='{"processed": 1, "failed": 0, "duration": 1}')
        (inside.folder / "maint.toml").write_text(
            f'{SWEEP.toml}[triggers.pending]\nurl = "{there.url}/x"\nauth = "none"\n'
        )
        rows = fill(conn, SWEEP, stale=20, fresh=7)
        add_trigger(conn, SWEEP.tables)
        plant(conn, ran)
        archived = inside(*SWEEP.command, "--archive", "archive", "--json")
        assert (archived.code, archived.json["deleted_count"]) == (0, rows), archived.err
        run = archived.json["run_id"]
        for command in (
            ("restore", run, "--dry-run"),
            ("restore", run),
            ("cleanup-sessions", "--shard", "0/2"),
            ("trigger", "pending"),
            ("pause", SWEEP.job),
            ("run", SWEEP.job, "cleanup-sessions"),
            ("resume", SWEEP.job),
            ("status",),
            ("list",),
            ("history",),
            ("show", run),
            ("readyz",),
            ("schedule", "check", "cleanup-sessions"),
            ("schedule", "next", "cleanup-sessions"),
            ("db", "check"),
            ("db", "migrate"),
        ):
            found = inside(*command)
            assert (found.code in (0, 1), names(ran)) == (True, []), (command, found.err)
            assert "planted code" not in found.out + found.err, command
        assert one(conn, SWEEP.stale) == rows


def test_tables_are_made_without_planted_code(inside: Inside, bare_db: str, ran: Path) -> None:
    """The toolkit's own, and the example with its rows."""
    with psycopg.connect(bare_db, autocommit=True) as conn:
        plant(conn, ran)
        for command in (
            ("db", "migrate"),
            ("db", "example", "--schema", "example"),
            ("db", "check"),
            ("db", "example", "--schema", "example", "--drop", "--yes"),
            ("db", "uninstall", "--yes"),
        ):
            found = inside(*command, env={"DATABASE_URL": bare_db})
            assert (found.code, names(ran)) == (0, []), found.err
            if "example" in command and "--drop" not in command:
                assert one(conn, "SELECT count(*) FROM example.users") > 0
        assert one(conn, "SELECT to_regclass('public.job_runs') IS NULL")
