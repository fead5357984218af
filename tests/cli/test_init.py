"""maint init"""

import io
import sys
import tomllib
from typing import Any

import psycopg
import pytest
from psycopg import sql

from maintcli.cli.initial import NEEDED
from tests.parts.inside import Inside

Conn = psycopg.Connection[tuple[Any, ...]]
SESSIONS = "CREATE TABLE active_sessions (session_id text, access_key text, last_heartbeat {})"


class Terminal(io.StringIO):
    """What a user types, with a terminal's word that a user is there."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def keep_only(conn: Conn, job: str) -> list[str]:
    """Leave what `job` needs, every table and column under another name; the flags that say so."""
    flags: list[str] = []
    found = conn.execute(
        "SELECT relname, array_agg(attname) FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
        " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 GROUP BY 1"
    ).fetchall()
    for table, columns in found:
        if table not in NEEDED[job]:
            run(conn, "DROP TABLE {} CASCADE", table)
            continue
        for column in columns:
            if column in NEEDED[job][table]:
                run(conn, "ALTER TABLE {} RENAME {} TO {}", table, column, f"my {column}")
                flags += ["--column", f"{table}.{column}=my {column}"]
            else:
                run(conn, "ALTER TABLE {} DROP {} CASCADE", table, column)
        run(conn, "ALTER TABLE {} RENAME TO {}", table, f"my{table}")
        flags += ["--table", f"{table}=my{table}"]
    return flags


def run(conn: Conn, statement: str, *names: str) -> None:
    """Run a statement with these names in it."""
    conn.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))  # type: ignore[arg-type]


@pytest.mark.parametrize("job", [job for job in NEEDED if NEEDED[job]])
def test_what_is_asked_for_is_what_the_job_needs(inside: Inside, conn: Conn, job: str) -> None:
    """With those tables and columns and no others, called otherwise, the job runs."""
    flags = keep_only(conn, job)
    result = inside("init", "--job", job, *flags, "--json")
    assert (result.code, result.json["jobs"]) == (0, [job])
    assert set(result.json["tables"][job]) == {f"public.my{table}" for table in NEEDED[job]}
    dry = inside(job, "--dry-run")
    assert dry.code == 0, dry.err
    assert [row["name"] for row in inside("list", "--json").json["jobs"]] == [job]


def test_yes_enables_the_jobs_whose_tables_are_there(inside: Inside, bare_db: str) -> None:
    """And no other: not by a table of the same name with other columns, nor by a view."""
    inside.env = {"DATABASE_URL": bare_db}
    with psycopg.connect(bare_db) as connection:
        connection.execute(SESSIONS.format("timestamptz"))  # type: ignore[arg-type]
        connection.execute("CREATE TABLE usage_counters (period_end text)")
        connection.execute("CREATE TABLE jobs (status text, finished_at timestamptz)")
        connection.execute("CREATE VIEW chat_sessions AS SELECT now() AS updated_at")
    result = inside("init", "--yes")
    assert result.code == 0
    assert result.out.splitlines()[1:] == [
        "  cleanup-sessions: public.active_sessions",
        "Next:",
        "  maint cleanup-sessions --dry-run",
        "  maint db migrate",
        "  maint schedule render --target crontab",
    ]
    assert tomllib.loads((inside.folder / "maint.toml").read_text()) == {
        "jobs": {"cleanup-sessions": {}}
    }


def test_the_longest_file_has_20_lines_and_can_be_added_to(inside: Inside, conn: Conn) -> None:
    """Every job with every table called otherwise, and a setting put under a job afterwards."""
    tables = sorted({table for needed in NEEDED.values() for table in needed})
    for table in tables:
        run(conn, "ALTER TABLE {} RENAME TO {}", table, f"my{table}")
    jobs = [flag for job in NEEDED for flag in ("--job", job)]
    named = [flag for table in tables for flag in ("--table", f"{table}=my{table}")]
    assert inside("init", *jobs, *named).code == 0
    file = inside.folder / "maint.toml"
    assert len(file.read_text().splitlines()) <= 20
    header = "[jobs.cleanup-sessions]\n"
    file.write_text(file.read_text().replace(header, f'{header}stale-after = "5m"\n'))
    assert inside("run", "--all", "--dry-run").code == 0
    assert sorted(row["name"] for row in inside("list", "--json").json["jobs"]) == sorted(NEEDED)


def test_the_three_commands_it_names_work(inside: Inside, bare_db: str) -> None:
    """As they stand, one after the other, also with a file elsewhere."""
    inside.env = {"DATABASE_URL": bare_db}
    with psycopg.connect(bare_db) as connection:
        connection.execute(SESSIONS.format("timestamptz"))  # type: ignore[arg-type]
    said = inside("init", "--yes", "--config", "here.toml", "--json").json
    assert said["path"] == "here.toml"
    assert len(said["next"]) == 3
    for command in said["next"]:
        result = inside(*command.split()[1:])
        assert result.code == 0, result.err
    assert "maint cleanup-sessions --quiet" in result.out
    assert "retention-cleanup" not in result.out


def test_a_file_is_never_overwritten(inside: Inside) -> None:
    """Wherever the other commands look for it, and also where it is a link that leads nowhere."""
    (inside.folder / "maint.toml").write_text("# mine\n")
    (inside.folder / "other.toml").write_text("# mine\n")
    (inside.folder / "link.toml").symlink_to("nowhere")
    for env, name in (
        ({}, "maint.toml"),
        ({"MAINT_CONFIG": "other.toml"}, "other.toml"),
        ({"MAINT_CONFIG": "link.toml"}, "link.toml"),
    ):
        result = inside("init", "--yes", env=env)
        assert (result.code, result.out) == (2, "")
        assert f"{name} exists and was left as it is." in result.err
    assert (inside.folder / "maint.toml").read_text() == "# mine\n"
    assert not (inside.folder / "nowhere").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "The tables of these jobs are here: cleanup-sessions, "),
        (("--job", "cleanup-sesions"), "There is no job cleanup-sesions; did you mean"),
        (("--job", "retention-cleanup"), "retention-cleanup needs more settings"),
        (("--job", "cleanup-sessions", "--table", "active_sessions"), "write --table TABLE=NAME."),
        (("--yes", "--table", "active_sesions=x"), "did you mean active_sessions?"),
        (("--yes", "--table", "active_sessions=x"), "There is no table x in this database, or"),
        (("--yes", "--table", "active_sessions=v"), "public.v is a view; name a table."),
        (("--yes", "--column", "active_sessions.x=y"), "jobs know no column 'active_sessions.x'"),
        (
            ("--yes", "--column", "active_sessions.last_heartbeat=session_id"),
            "public.active_sessions.session_id is of type text, which holds no time.",
        ),
        (
            ("--yes", "--column", "active_sessions.access_key=key"),
            "active_sessions has no column key; known: ",
        ),
        (
            ("--job", "cleanup-sessions", "--table", "users=users"),
            "users belongs to none of the jobs",
        ),
        (("--yes", "--timezone", "Berlin"), "not a time zone"),
        (("--yes", "--epoch", "us"), "Seconds are s, milliseconds are ms."),
        (("--yes", "--job", ""), "--job is blank; give it a value, or leave it out."),
    ],
)
def test_what_cannot_be_meant_writes_nothing(
    inside: Inside, conn: Conn, arguments: tuple[str, ...], words: str
) -> None:
    """One sentence, exit code 2, and no file."""
    conn.execute("CREATE VIEW v AS SELECT 1 AS a")
    result = inside("init", *arguments)
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert result.err.count("\n") == 1
    assert list(inside.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("type_", "option", "answer"),
    [("timestamp", "--timezone", "Europe/Berlin"), ("bigint", "--epoch", "ms")],
)
def test_what_the_column_does_not_say_is_asked(
    inside: Inside, bare_db: str, type_: str, option: str, answer: str
) -> None:
    """Without a terminal the sentence names the option that answers; nothing is guessed."""
    inside.env = {"DATABASE_URL": bare_db}
    with psycopg.connect(bare_db) as connection:
        connection.execute(SESSIONS.format(type_))  # type: ignore[arg-type]
    refused = inside("init", "--yes")
    assert refused.code == 2
    assert f"run: maint init --job cleanup-sessions {option} " in refused.err
    assert inside("init", "--yes", option, answer).code == 0
    written = tomllib.loads((inside.folder / "maint.toml").read_text())
    assert written["tables"] == {"active_sessions": {option[2:]: answer}}
    assert inside("cleanup-sessions", "--dry-run").code == 0


def test_a_terminal_is_asked(inside: Inside, bare_db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of the jobs found shall be enabled; where none is, which one, and what it works on."""
    inside.env = {"DATABASE_URL": bare_db}
    with psycopg.connect(bare_db) as connection:
        connection.execute("CREATE SCHEMA auth")
        connection.execute(
            "CREATE TABLE auth.logins (id int, token text, seen_at timestamptz, note text)"
        )
    typed = [
        "cleanup-sesions",
        "cleanup-sessions",
        "auth.nothing",
        "auth.logins",
        "note",
        "seen_at",
    ]
    monkeypatch.setattr(sys, "stdin", Terminal("\n".join([*typed, "token", "id", ""])))
    result = inside("init")
    assert result.code == 0, result.err
    for words in ("did you mean", "no table 'auth.nothing'", "auth.logins.note is of type text"):
        assert words in result.err
    assert result.out.startswith("Wrote maint.toml.")
    assert inside("cleanup-sessions", "--dry-run").code == 0


def test_all_that_is_missing_is_asked_for_at_once(inside: Inside, conn: Conn) -> None:
    """As a command to paste, which keeps what was given; filled in, it works."""
    conn.execute(
        "CREATE TABLE logins (token text, seen timestamp);"
        "INSERT INTO logins VALUES ('secret-token', '2001-01-01')"
    )
    result = inside("init", "--job", "cleanup-sessions", "--table", "active_sessions=logins")
    assert result.code == 2
    assert result.err.count("public.logins has the columns token, seen.") == 1
    assert "access_key and session_id may be one column" in result.err
    command = result.err.rstrip().rpartition(" and run: maint ")[2]
    names = {"last_heartbeat": "seen", "access_key": "token", "session_id": "token"}
    for column, name in names.items():
        assert f" --column active_sessions.{column}=NAME" in command
        command = command.replace(f"{column}=NAME", f"{column}={name}")
    result = inside(*command.split())
    assert result.err.endswith(f"maint {command} --timezone ZONE\n")
    assert inside(*command.split(), "--timezone", "UTC").code == 0
    swept = inside("cleanup-sessions")
    assert (swept.code, swept.err.count("secret-t")) == (0, 1), swept.err
    assert conn.execute("SELECT count(*) FROM logins").fetchone() == (0,)


@pytest.mark.parametrize("typed", ["\n", "q\n", "cleanup-sessions\n\n"])
def test_a_terminal_can_be_left(
    inside: Inside, bare_db: str, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    """By an empty answer or q; before that it says what was found, and what each job does."""
    inside.env = {"DATABASE_URL": bare_db}
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    result = inside("init")
    assert (result.code, result.out) == (1, "")
    assert "No table here has the name and the columns that a job knows." in result.err
    assert "  cleanup-sessions        Remove sessions that" in result.err
    assert result.err.endswith("There was no answer. Nothing was written.\n")
    assert list(inside.folder.iterdir()) == []


def test_a_terminal_may_say_no(inside: Inside, conn: Conn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Job by job; only what was agreed to is enabled."""
    conn.execute("DROP TABLE users, stored_files, processing_jobs CASCADE")
    monkeypatch.setattr(sys, "stdin", Terminal("n\nn\ny\nn\n"))
    assert inside("init").code == 0
    written = tomllib.loads((inside.folder / "maint.toml").read_text())
    assert written == {"jobs": {"cleanup-usage-counters": {}}}


def test_a_terminal_that_is_closed_is_no_answer(
    inside: Inside, conn: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written, whatever was answered before."""
    conn.execute("ALTER TABLE active_sessions RENAME access_key TO token")
    monkeypatch.setattr(sys, "stdin", Terminal(""))
    result = inside("init", "--job", "cleanup-sessions")
    assert (result.code, result.out) == (1, "")
    assert "There was no answer. Nothing was written." in result.err
    assert list(inside.folder.iterdir()) == []


def test_a_file_of_variables_may_be_named_by_a_variable(inside: Inside, db: str) -> None:
    """As for every other command."""
    (inside.folder / "my.env").write_text(f"DATABASE_URL={db}\n")
    del inside.env["DATABASE_URL"]
    env = {"MAINT_ENV_FILE": "my.env"}
    result = inside("init", "--job", "cleanup-run-history", env=env)
    assert result.code == 0, result.err
    assert "cleanup-run-history" in (inside.folder / "maint.toml").read_text()
