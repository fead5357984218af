"""Proof: a role with CREATE on a schema of the path gets no code of its own run by maint."""

from collections.abc import Generator, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.engines.restore.test_restore import contents
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


KEYED = """
CREATE TYPE mark AS ENUM ({marks});
CREATE DOMAIN number AS integer;
CREATE DOMAIN moment AS timestamptz;
CREATE TABLE users (id {key} PRIMARY KEY, opted_out_at moment, data_erased_at timestamptz);
CREATE TABLE chat_sessions (
    id {key} PRIMARY KEY, user_id {key}, created_at moment, updated_at moment,
    next {key} REFERENCES chat_sessions ON DELETE SET NULL
);
CREATE TABLE chat_messages (
    id {key} PRIMARY KEY, session_id {key} REFERENCES chat_sessions ON DELETE CASCADE
);
CREATE TABLE note (
    id {key} PRIMARY KEY,
    session_id {key} DEFAULT {zero} REFERENCES chat_sessions ON DELETE SET DEFAULT
);
CREATE TABLE jobs (
    id {key} PRIMARY KEY, status varchar(20), retry_count numeric, error_message varchar(200),
    started_at moment, locked_until moment
);
INSERT INTO users SELECT {i}, now() - interval '1 year' FROM generate_series(1, 9) i;
INSERT INTO chat_sessions VALUES ({zero}, NULL, now(), now());
INSERT INTO chat_sessions SELECT {i}, {i}, now() - make_interval(days => 30 * i),
    now() - make_interval(days => 30 * i) FROM generate_series(1, 20) i;
UPDATE chat_sessions SET next = {ten} WHERE user_id = {nine};
CREATE TABLE kept AS SELECT * FROM chat_sessions WHERE user_id = {eleven};
INSERT INTO chat_messages SELECT {i}, {i} FROM generate_series(1, 20) i;
INSERT INTO note SELECT {i}, {i} FROM generate_series(1, 20) i;
INSERT INTO jobs SELECT {i}, 'running', 0, NULL, now() - interval '1 day'
    FROM generate_series(1, 9) i;
"""
TYPES = ("public.mark", "public.number", "public.moment", "public.mark[]", "varchar[]")
KEYED_TABLES = ("users", "chat_sessions", "chat_messages", "note", "jobs")


@pytest.mark.parametrize("key", ["varchar(20)", "mark", "number", "mark[]"])
def test_no_job_runs_planted_operators_for_types_of_the_user(
    inside: Inside, bare_db: str, ran: Path, key: str
) -> None:
    """Of varchar, an enum, a domain and an array the catalog has no operator that fits exactly."""
    pattern = "('{{' || {} || '}}')::{}" if key.endswith("[]") else "({}::text)::{}"
    inside.env["DATABASE_URL"] = bare_db
    assert inside("db", "migrate").code == 0

    def run(*command: str) -> Any:
        found = inside(*command, "--json")
        assert (found.code, names(ran)) == (0, []), (command, found.err)
        return found.json

    with psycopg.connect(bare_db, autocommit=True) as conn:
        marks = ", ".join(f"'{i}'" for i in range(30))
        numbers = {"i": "i", "zero": 0, "nine": 9, "ten": 10, "eleven": 11}
        values = {name: pattern.format(value, key) for name, value in numbers.items()}
        conn.execute(KEYED.format(key=key, marks=marks, **values).encode())
        add_trigger(conn, KEYED_TABLES)
        before = contents(conn, *KEYED_TABLES)
        plant(conn, ran, TYPES)

        old = ("cleanup-old-sessions", "--older-than", "300d", "--max-percent", "100")
        swept = run(*old, "--archive", "archive")
        assert one(conn, "SELECT count(*) FROM chat_sessions") == 10
        conn.execute("INSERT INTO chat_sessions TABLE kept")
        assert run("restore", swept["run_id"], "--dry-run")["existing_count"] == 1
        back = run("restore", swept["run_id"])
        assert (back["restored_count"], back["existing_count"]) == (21, 1)
        assert contents(conn, *KEYED_TABLES) == before

        assert run("reconcile-stragglers")["updated_count"] == 9
        pair = ("--pairs", "chat_sessions.user_id -> users.id", "--max-percent", "100")
        assert run("cleanup-orphans", *pair)["deleted_count"] == 11
        held = ("--tables", "chat_sessions.user_id", "--max-percent", "100")
        assert run("cleanup-opt-outs", *held, "--dry-run")["erased_count"] == 9
        assert run("cleanup-opt-outs", *held)["erased_count"] == 9
        assert one(conn, "SELECT count(*) FROM chat_sessions") == 1


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
