"""Proof: what a role or a database sets for itself changes neither figures nor rows."""

from collections.abc import Generator

import psycopg
import pytest
from psycopg import sql

from maintcli.db import connect, example, toolkit
from tests.jobs.every import EVERY, SESSIONS, SWEEP, Every, fill, one
from tests.parts.databases import database
from tests.parts.inside import Inside
from tests.parts.server import Server

Conn = psycopg.Connection[tuple[object, ...]]

# Twelve and three more, in two sets: some exclude each other.
HOSTILE = {
    "first": {
        "DateStyle": "German, DMY",
        "IntervalStyle": "sql_standard",
        "TimeZone": "Asia/Kathmandu",
        "xmloption": "document",
        "bytea_output": "escape",
        "extra_float_digits": "-15",
        "standard_conforming_strings": "off",
        "default_transaction_isolation": "serializable",
        "quote_all_identifiers": "on",
        "array_nulls": "off",
    },
    "second": {
        "DateStyle": "SQL, MDY",
        "IntervalStyle": "iso_8601",
        "transform_null_equals": "on",
        "client_encoding": "LATIN1",
        "search_path": "pg_catalog, public",
    },
}

# Of every value that PostgreSQL writes in more than one way.
_STRANGE = r"""
CREATE TABLE strange (
    id integer PRIMARY KEY, at timestamptz, local timestamp, day date, span interval, bytes bytea,
    number float8, words text, list text[], clock timetz, amount numeric
);
INSERT INTO strange VALUES
    (1, now() - interval '60 d', '0044-03-15 12:00:00 BC', '2001-02-03', '-1 day +02:03:04.5',
     '\x00ff5c27', 0.1::float8 + 0.2::float8, E'a\\b''c', '{NULL,"NULL",a}',
     '12:00+05:45', 1e-20),
    (2, now() - interval '60 d', 'infinity', '-infinity', '1 mon -1 day', '', 'NaN', '', '{}',
     '23:59:59.999999-11', 'NaN')
"""
_TOML = """[sweeps.old-strange]
table = "strange"
column = "at"
keep = "30d"
where = "words !~ '^\\\\d'"
allow-sql = true
"""
_VALUES = """SELECT id, at, local::text, day::text, span::text, encode(bytes, 'hex'), number::text,
    words, list, clock::text, amount::text FROM strange ORDER BY id"""


def be_hostile(conn: Conn, name: str) -> None:
    for setting, value in HOSTILE[name].items():
        text = sql.SQL(value) if setting == "search_path" else sql.Literal(value)
        conn.execute(
            sql.SQL("ALTER DATABASE {} SET {} = {}").format(
                sql.Identifier(conn.info.dbname), sql.Identifier(setting), text
            )
        )


@pytest.mark.parametrize("every", EVERY, ids=str)
@pytest.mark.parametrize("name", HOSTILE)
def test_every_job_does_the_same(inside: Inside, conn: Conn, every: Every, name: str) -> None:
    """A dry run and a real one, by the rows themselves."""
    (inside.folder / "maint.toml").write_text(every.toml)
    due = fill(conn, every, stale=12, fresh=7)
    fresh = one(conn, every.fresh)
    be_hostile(conn, name)
    dry = inside(*every.command, "--dry-run", "--json")
    assert dry.code == 0, dry.err
    real = inside(*every.command, "--json")
    assert real.code == 0, real.err
    assert dry.json[every.figure] == real.json[every.figure] == due
    assert (one(conn, every.stale), one(conn, every.fresh)) == (0, fresh)


@pytest.mark.parametrize("name", HOSTILE)
def test_operators_are_told_the_same(inside: Inside, conn: Conn, name: str) -> None:
    """What is asked of the ledger, which was written under these settings."""
    be_hostile(conn, name)
    assert inside("pause", "cleanup-sessions").code == 0
    assert inside("resume", "cleanup-sessions").code == 0
    assert inside("cleanup-sessions").code == 0
    for command in ("status", "history", "list", "readyz"):
        found = inside(command, "--json")
        assert found.code == 0, (command, found.err)
    ((started, finished),) = conn.execute("SELECT started_at, finished_at FROM job_runs").fetchall()
    (run,) = inside("history", "--json").json["runs"]
    assert run["started_at"] == f"{started:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z", finished


@pytest.mark.parametrize("name", HOSTILE)
def test_every_value_comes_back_from_an_archive(inside: Inside, conn: Conn, name: str) -> None:
    """Bit by bit, whatever is the way in which values are written by default."""
    (inside.folder / "maint.toml").write_text(_TOML)
    conn.execute(_STRANGE)
    before = conn.execute(_VALUES).fetchall()
    be_hostile(conn, name)
    gone = inside("old-strange", "--max-percent", "100", "--archive", "archive", "--json")
    assert not gone.code, gone.err
    assert (gone.code, gone.json["deleted_count"], one(conn, "SELECT count(*) FROM strange")) == (
        0,
        2,
        0,
    ), gone.err
    back = inside("restore", gone.json["run_id"], "--json")
    assert back.code == 0, back.err
    assert conn.execute(_VALUES).fetchall() == before


def test_limits_of_the_role_do_not_end_a_batch(inside: Inside, conn: Conn) -> None:
    """Times that are enough for the application's statements; ours have limits of their own."""
    fill(conn, SESSIONS, stale=1, fresh=1)
    conn.execute("""CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN PERFORM pg_sleep(2.1); RETURN old; END$$;
        CREATE TRIGGER slow BEFORE DELETE ON active_sessions
        FOR EACH ROW EXECUTE FUNCTION dawdle()""")
    for setting in ("statement_timeout", "transaction_timeout", "lock_timeout"):
        if conn.execute("SELECT FROM pg_settings WHERE name = %s", [setting]).rowcount:
            conn.execute(f"ALTER DATABASE {conn.info.dbname} SET {setting} = '2s'".encode())
    found = inside(*SESSIONS.command, "--json")
    assert (found.code, one(conn, SESSIONS.stale)) == (0, 0), found.err


@pytest.fixture(scope="module", params=["LATIN1", "SQL_ASCII"])
def other(server: Server, request: pytest.FixtureRequest) -> Generator[str]:
    """The name of a database of another encoding, with all tables, to be copied."""
    with database(server, encoding=request.param) as name:
        target = connect.parameters(server.dsn(name), "the test")
        with connect.connect(target, application="test") as connection:
            toolkit.migrate(connection, "public")
            example.create_schema(connection)
        yield name


@pytest.fixture
def encoded(server: Server, other: str) -> Generator[str]:
    """The URL of a copy of it."""
    with database(server, template=other) as name:
        yield server.dsn(name)


@pytest.mark.parametrize("every", EVERY, ids=str)
def test_every_job_runs_in_other_encodings(inside: Inside, encoded: str, every: Every) -> None:
    """Also where we have words that the encoding does not."""
    (inside.folder / "maint.toml").write_text(every.toml)
    env = {"DATABASE_URL": encoded, "JOB_RUNNER_ID": "Läufer → 1"}
    with psycopg.connect(encoded, autocommit=True, client_encoding="LATIN1") as conn:
        due = fill(conn, every, stale=12, fresh=7)
        real = inside(*every.command, "--json", env=env)
        assert real.code == 0, real.err
        assert (real.json[every.figure], one(conn, every.stale)) == (due, 0)
        runner = one(conn, "SELECT runner_id FROM job_heartbeats WHERE name = 'jobs-runner'")
        assert runner in {"L\xe4ufer -> 1", "Läufer → 1".encode().decode("latin1")}


def test_bytes_of_other_encodings_come_back(inside: Inside, encoded: str) -> None:
    """A row of such bytes is named in the log, archived and restored."""
    inside.env["DATABASE_URL"] = encoded
    (inside.folder / "maint.toml").write_text(
        '[sweeps.old-letters]\ntable = "letters"\ncolumn = "at"\nkeep = "30d"\nshow = ["words"]\n'
    )
    with (
        psycopg.connect(encoded, autocommit=True, client_encoding="LATIN1") as conn,
        psycopg.connect(encoded, autocommit=True, client_encoding="UTF8") as utf8,
    ):
        conn.execute(
            "CREATE TABLE letters (id integer UNIQUE, words text PRIMARY KEY, at timestamptz)"
        )
        utf8.execute("CREATE TABLE käse (id integer REFERENCES letters (id) ON DELETE CASCADE)")
        conn.execute(
            "INSERT INTO letters VALUES (1, '\xfc\xdf\xe9\xa9', now() - interval '60 d'), (2, '', now())"
        )
        utf8.execute("INSERT INTO käse VALUES (1)")
        before = conn.execute("SELECT * FROM letters ORDER BY id").fetchall()
        gone = inside("old-letters", "--archive", "archive", "--json")
        assert (gone.code, one(conn, "SELECT count(*) FROM letters")) == (0, 1), gone.err
        for command in ("pause", "status", "history", "list", "resume"):
            assert (
                inside(command, *(["old-letters"] if command in {"pause", "resume"} else [])).code
                == 0
            )
        again = ("restore", gone.json["run_id"], "--json")
        dry = inside(*again, "--dry-run")
        assert (dry.code, dry.json.get("restored_count")) == (0, 2), dry.err
        back = inside(*again)
        assert back.code == 0, back.err
        assert conn.execute("SELECT * FROM letters ORDER BY id").fetchall() == before
        assert inside(*again, "--dry-run").json["existing_count"] == 2
        assert one(utf8, "SELECT count(*) FROM käse") == 1


def test_name_that_is_not_utf_8_is_refused(inside: Inside, server: Server) -> None:
    """In a database that stores any bytes; no row goes."""
    with database(server, encoding="SQL_ASCII") as name:
        (inside.folder / "maint.toml").write_text(SWEEP.toml)
        with psycopg.connect(server.dsn(name), autocommit=True, client_encoding="LATIN1") as conn:
            due = fill(conn, SWEEP, stale=3, fresh=2)
            conn.execute("CREATE TABLE k\xe4se (id bigint REFERENCES letters ON DELETE CASCADE)")
            refused = inside(*SWEEP.command, "--no-ledger", env={"DATABASE_URL": server.dsn(name)})
            assert (refused.code, one(conn, SWEEP.stale)) == (78, due), refused.err
            assert 'se" does not exist' in refused.err
