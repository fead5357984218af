"""Bad input gets one clear sentence, the right exit code, and changes nothing."""

import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.parts.inside import Inside
from tests.parts.own_server import OwnServer, own_server, standby_of

Conn = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def stale(conn: Conn) -> Conn:
    """Two stale sessions, which must still be there when the test looks."""
    conn.execute(
        "INSERT INTO active_sessions (session_id, access_key, last_heartbeat)"
        " VALUES ('a', 'k', now() - interval '1 h'), ('b', 'k', now() - interval '1 h')"
    )
    return conn


def refuses(
    inside: Inside, code: int, *words: str, arguments: tuple[str, ...] = (), **env: str
) -> None:
    """Run cleanup-sessions: it exits with `code` and says all of `words` in one line of error."""
    result = inside("cleanup-sessions", *arguments, env=env)
    errors = [
        line for line in result.err.splitlines() if " ERROR " in line or line.startswith("maint: ")
    ]
    assert result.code == code, result.err
    assert len(errors) == 1, result.err
    assert all(word in errors[0] for word in words), errors[0]
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [
        ("postgresq://u@h/d", 78, ("did you mean postgresql://",)),
        ("mysql://u@h/d", 78, ("mysql:// is not PostgreSQL",)),
        ("postgresql://u:p%zz@h/d", 78, ("% in its password", "%25")),
        ("postgresql://u:p w@h/d", 78, ("white space", "%20")),
        ("postgresql://u@h:port/d", 78, ("host and port",)),
        ("postgresql://u:s3cret#w@h/d", 78, ("host and port", "%23 for #")),
        ("postgresql://u:s3cret?w@h/d", 78, ("host and port", "%3F for ?")),
        ("postgresql://u:s3cret/w@h/d", 78, ("host and port", "%2F for /")),
        ("postgresql://u:s3cret[w@h/d", 78, ("host and port", "%5B for [")),
        ("postgresql://u:1234#w@h/d", 78, ("%23",)),
        ("postgresql://u:1234?w@h/d", 78, ("password ends at a / or ?", "%3F for ?")),
        ("postgresql://u:1@234/w@h/d", 78, ("password ends at a / or ?", "%40 for @")),
        ("postgresql://u:1234/w@h/d", 78, ("password ends at a / or ?", "%2F for /")),
        ("postgresql://u@h/d?sslmod=require", 78, ("did you mean sslmode",)),
        ("nonsense", 78, ("it is not a URL",)),
        ("postgresql://u@127.0.0.1:1/d", 69, ("cannot be reached", "Check host and port")),
        ("postgresql://u@/d?host=/nowhere", 69, ("cannot be reached",)),
    ],
)
@pytest.mark.usefixtures("impatient")
def test_unusable_urls(inside: Inside, url: str, code: int, words: tuple[str, ...]) -> None:
    """What is wrong with the URL is said, and where it stands."""
    refuses(inside, code, *words, DATABASE_URL=url)
    result = inside("cleanup-sessions", env={"DATABASE_URL": url})
    assert not any(secret in result.err for secret in ("s3cret", "1234", "w@h"))


def test_no_database(inside: Inside) -> None:
    """Never a silent default."""
    inside.env = {}
    refuses(inside, 78, "No database is configured", "DATABASE_URL", "embedded:")


def test_an_error_has_its_sentence_without_docstrings(tmp_path: Path) -> None:
    """Under PYTHONOPTIMIZE=2 there are none, so that no sentence may stand in one."""
    command = [sys.executable, "-OO", "-m", "maintcli", "cleanup-sessions"]
    environ = {k: v for k, v in os.environ.items() if k != "DATABASE_URL"}
    done = subprocess.run(
        command, capture_output=True, check=False, text=True, cwd=tmp_path, env=environ
    )
    assert done.returncode == 78
    assert "No database is configured. Set DATABASE_URL, or url under [database]" in done.stderr


def test_a_database_that_is_not_there(inside: Inside, db: str) -> None:
    """The server's own words, without the noise around them."""
    refuses(
        inside,
        78,
        'database "nowhere" does not exist',
        DATABASE_URL=db.replace("/test_", "/nowhere?x=").split("?x=")[0]
        + "?"
        + db.partition("?")[2],
    )


def test_sqlalchemy_s_spelling_works(inside: Inside, db: str) -> None:
    """postgresql+asyncpg:// is what half of the applications have in their environment."""
    assert (
        inside(
            "cleanup-sessions",
            env={"DATABASE_URL": db.replace("postgresql:", "postgresql+asyncpg:")},
        ).code
        == 0
    )


@pytest.fixture(scope="module")
def strict_server() -> Generator[OwnServer]:
    """A server that asks for passwords, over TCP."""
    with own_server({"listen_addresses": "127.0.0.1"}) as server:
        with server.connect() as connection:
            connection.execute("CREATE ROLE app LOGIN PASSWORD 'right'")
            connection.execute("SELECT 1")
        hba = server.data / "pg_hba.conf"
        hba.write_text("local all postgres trust\nlocal all all scram-sha-256\n")
        with server.connect() as connection:
            connection.execute("SELECT pg_reload_conf()")
        yield server


def test_a_wrong_password(inside: Inside, strict_server: OwnServer) -> None:
    """77, and the password does not appear."""
    url = strict_server.dsn().replace("postgres@", "app:wr0ng-one@")
    refuses(inside, 77, "password authentication failed", DATABASE_URL=url)


@pytest.mark.usefixtures("impatient")
def test_a_replica(inside: Inside) -> None:
    """A read-only database is refused before anything else; a dry run may use it."""
    with own_server() as primary, standby_of(primary) as replica:
        with primary.connect() as connection:
            connection.execute(
                "CREATE TABLE active_sessions (session_id text, access_key text, last_heartbeat timestamptz)"
            )
            lsn = connection.execute("SELECT pg_current_wal_lsn()").fetchone()
        with replica.connect() as connection:
            from tests.parts.waiting import until

            until(
                lambda: (
                    connection.execute("SELECT pg_last_wal_replay_lsn() >= %s", lsn).fetchone()
                    == (True,)
                ),
                "the replica has it",
            )
        refuses(
            inside,
            69,
            "read-only",
            "primary",
            DATABASE_URL=replica.dsn(),
        )
        assert inside("cleanup-sessions", "-n", env={"DATABASE_URL": replica.dsn()}).code == 0


@pytest.mark.parametrize("flag", ["--config", "--env-file", "--database"])
def test_a_place_that_is_blank(inside: Inside, flag: str) -> None:
    """As it is of a variable that is not set; never the default in its place."""
    refuses(inside, 2, f"{flag} is blank; give it a value, or leave it out.", arguments=(flag, ""))


@pytest.mark.parametrize(
    ("age", "code", "words"),
    [
        ("", 2, ("--stale-after is blank",)),
        ("abc", 2, ("'abc' is not a duration",)),
        ("10 parsecs", 2, ("'10 parsecs' is not a duration", "90s")),
        ("60", 2, ("without a unit",)),
        ("0", 65, ("--stale-after", "at least 1s", "Nothing was touched")),
        ("0s", 65, ("at least 1s",)),
        ("-5s", 65, ("in the future", "at least 1s")),
        ("2099-01-01", 2, ("not a duration",)),
    ],
)
def test_absurd_ages(
    inside: Inside, stale: Conn, age: str, code: int, words: tuple[str, ...]
) -> None:
    """A destructive setting is never guessed, and never taken when it is absurd."""
    refuses(inside, code, *words, arguments=("--stale-after", age))
    assert stale.execute("SELECT count(*) FROM active_sessions").fetchone() == (2,)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--stale-after", "-5s"), 65),
        (("--apply", "nofile.json"), 2),
        (("--archive", "missing/folder"), 78),
        (("--archive", "ftp://host/folder"), 78),
    ],
)
def test_a_mistyped_command_is_no_failure_of_the_job(
    inside: Inside, stale: Conn, words: tuple[str, str], code: int
) -> None:
    """Neither ledger nor heartbeats hear of it, and no row goes; --json has its object."""
    found = inside("cleanup-sessions", *words, "--json")
    assert (found.code, found.json["exit_code"]) == (code, code), found.err
    for table, rows in (("job_runs", 0), ("job_heartbeats", 0), ("active_sessions", 2)):
        assert stale.execute(f"SELECT count(*) FROM {table}").fetchone() == (rows,)


@pytest.mark.parametrize(
    ("toml", "code"), [('stale-after = "-5s"', 65), ('archive = "missing/folder"', 78)]
)
def test_a_wrong_setting_is_a_failure_of_the_job(
    inside: Inside, stale: Conn, toml: str, code: int
) -> None:
    """A scheduled run meets it every night: status and readyz must tell."""
    (inside.folder / "maint.toml").write_text(f"[jobs.cleanup-sessions]\n{toml}\n")
    assert inside("cleanup-sessions").code == code
    assert stale.execute("SELECT exit_code FROM job_runs").fetchall() == [(code,)]
    assert inside("readyz").code == 1


@pytest.mark.parametrize(("age", "code"), [("", 78), ("abc", 78), ("0", 65), ("-5s", 65)])
def test_absurd_ages_from_a_variable(inside: Inside, stale: Conn, age: str, code: int) -> None:
    """The same from the environment: a blank variable is an error, not the default."""
    name = "MAINT_CLEANUP_SESSIONS_STALE_AFTER"
    refuses(inside, code, f"environment {name}", **{name: age})
    assert stale.execute("SELECT count(*) FROM active_sessions").fetchone() == (2,)


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('[tables.active_sessions]\nname = "nowhere"', ("There is no table nowhere",)),
        ('[tables.active_sessions]\nname = "x; DROP TABLE active_sessions"', ("no table x; DROP",)),
        ('[tables.active_sessions]\nname = "a\'b"', ("no table a'b",)),
        (f'[tables.active_sessions]\nname = "{"n" * 70}"', ("longer than", "63 bytes")),
        ('[tables.active_sessions]\nname = "a.b.c"', ("is not a table name",)),
        (
            '[tables.active_sessions.columns]\nlast_heartbeat = "seen"',
            ("no column seen", "it has: session_id"),
        ),
        ('[tables.active_sessions.columns]\nlast_heartbeat = "session_id"', ("of type text",)),
        ('[jobs.cleanup-sessions]\nstale-aftr = "60s"', ("stale-after",)),
        ("[jobs.cleanup-sessions]\nstale-after = 60", ("stale-after",)),
        ('[jobs.cleanup-sesions]\nstale-after = "60s"', ("cleanup-sessions",)),
        ("[database", ("maint.toml",)),
    ],
)
def test_wrong_configuration(
    inside: Inside, stale: Conn, toml: str, words: tuple[str, ...]
) -> None:
    """File and key, what is wrong, and what to do."""
    (inside.folder / "maint.toml").write_text(toml)
    refuses(inside, 78, *words)
    assert stale.execute("SELECT count(*) FROM active_sessions").fetchone() == (2,)


@pytest.mark.parametrize("kind", ["VIEW", "MATERIALIZED VIEW"])
def test_a_view_is_refused(inside: Inside, stale: Conn, kind: str) -> None:
    """Rows are removed from tables; the error says how to name the one behind."""
    stale.execute(f"CREATE {kind} seen AS SELECT * FROM active_sessions")  # type: ignore[arg-type]
    (inside.folder / "maint.toml").write_text('[tables.active_sessions]\nname = "seen"')
    refuses(inside, 78, kind.lower(), "[tables.active_sessions] name")
    assert stale.execute("SELECT count(*) FROM active_sessions").fetchone() == (2,)


def test_a_timestamp_without_zone_is_refused(inside: Inside, stale: Conn) -> None:
    """Its ages are ambiguous until somebody says the zone."""
    stale.execute(
        "ALTER TABLE active_sessions ALTER last_heartbeat DROP DEFAULT, ALTER last_heartbeat TYPE timestamp"
    )
    refuses(inside, 78, "without time zone", "timezone")
    assert stale.execute("SELECT count(*) FROM active_sessions").fetchone() == (2,)


def test_row_level_security_is_refused(inside: Inside, stale: Conn, db: str) -> None:
    """A policy would hide rows, and the sweep would report success: not with us."""
    stale.execute(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'limited') THEN"
        " CREATE ROLE limited LOGIN; END IF; END $$"
    )
    stale.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO limited")
    stale.execute("ALTER TABLE active_sessions ENABLE ROW LEVEL SECURITY")
    refuses(
        inside,
        77,
        "Row-level security",
        "BYPASSRLS",
        DATABASE_URL=db.replace("postgres@", "limited@"),
    )
    assert stale.execute("SELECT count(*) FROM active_sessions").fetchone() == (2,)


def test_strangers_tables_are_never_touched(inside: Inside, bare_db: str) -> None:
    """A job_heartbeats that is not ours stays as it is, and the error says which setting to change."""
    with psycopg.connect(bare_db, autocommit=True) as connection:
        connection.execute("CREATE TABLE job_heartbeats (name text)")
    refuses(
        inside,
        78,
        "job_heartbeats",
        "was not made by maint",
        'schema = "maint"',
        DATABASE_URL=bare_db,
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--max-rows", "1"), ("public.active_sessions has 2 old rows; --max-rows allows 1.",)),
        (
            ("--max-rows", "1", "--yes-really", "1"),
            (
                "public.active_sessions has 2 old rows; --yes-really allows 1.",
                "run: maint cleanup-sessions --max-rows 1 --yes-really 2",
            ),
        ),
    ],
)
def test_guards_refuse(
    inside: Inside, stale: Conn, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    """More than anybody can have meant: 65, with what to do, recorded in the ledger."""
    refuses(inside, 65, *words, arguments=arguments)
    assert stale.execute("SELECT count(*) FROM active_sessions").fetchone() == (2,)
    assert stale.execute("SELECT outcome, exit_code FROM job_runs").fetchall() == [("refused", 65)]
    assert inside("cleanup-sessions", "--max-rows", "1", "--yes-really", "2").code == 0


def test_a_share_of_the_table_is_guarded(inside: Inside, conn: Conn) -> None:
    """--max-percent looks at tables of over 1,000 rows only."""
    conn.execute(
        "INSERT INTO active_sessions SELECT i, 'k', now() - interval '1 h' FROM generate_series(1, 1000) i"
    )
    assert inside("cleanup-sessions", "-n", "--max-percent", "50").code == 0
    conn.execute(
        "INSERT INTO active_sessions SELECT i, 'k', now() FROM generate_series(1001, 1500) i"
    )
    said = "has 1,000 old rows, 66.7 % of 1,500; --max-percent 50 allows 750."
    refuses(inside, 65, said, arguments=("--max-percent", "50"))
    assert inside("cleanup-sessions", "--max-percent", "70").code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--share", "0"), ("--share",)),
        (("--share", "101"), ("--share",)),
        (("--batch-target", "1h"), ("--batch-target",)),
        (("--timeout", "0"), ("--timeout",)),
        (("--if-locked", "maybe"), ("--if-locked", "skip")),
        (("--max-rows", "many"), ("--max-rows",)),
        (("--yes-really", "-1"), ("--yes-really",)),
    ],
)
def test_wrong_usage(
    inside: Inside, stale: Conn, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    """Exit 2, naming the flag."""
    refuses(inside, 2, *words, arguments=arguments)
    assert stale.execute("SELECT count(*) FROM active_sessions").fetchone() == (2,)


def test_a_working_directory_that_is_gone_is_said(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No bug of maint's: a deployment replaced the folder under a shell."""

    real = Path.cwd

    def cwd() -> Path:
        if real() == inside.folder:
            raise FileNotFoundError(2, "No such file or directory")
        return real()

    monkeypatch.setattr(Path, "cwd", cwd)
    found = inside("cleanup-sessions")
    assert (found.code, "working directory is not there any more" in found.err) == (78, True)
