"""[sweeps.NAME]: a job without code is a command like any other."""

import threading
from pathlib import Path

import psycopg
import pytest

from maintcli import registry
from maintcli.cli import location
from tests.parts.cli import Maint
from tests.parts.enabled import enable
from tests.parts.inside import Inside
from tests.parts.package import install_example
from tests.parts.waiting import until

Conn = psycopg.Connection[tuple[object, ...]]

SWEEP = """\
[sweeps.old-mail]
table = "mail.messages"
column = "sent_at"
keep = "14d"
where = "status = 'done'"
allow-sql = true
show = ["id"]
"""


@pytest.fixture
def mail(inside: Inside, conn: Conn) -> Inside:
    """A table of mail: a and b are done and old, c is old and waits, d is new, e has no time."""
    conn.execute("CREATE SCHEMA mail")
    conn.execute("CREATE TABLE mail.messages (id text, status text, sent_at timestamptz)")
    conn.execute(
        "INSERT INTO mail.messages VALUES ('a', 'done', now() - interval '15 d'),"
        " ('b', 'done', now() - interval '5 y'), ('c', 'waiting', now() - interval '5 y'),"
        " ('d', 'done', now() - interval '13 d'), ('e', 'done', NULL)"
    )
    say(inside, SWEEP)
    return inside


def say(inside: Inside, text: str) -> None:
    """Make `text` the configuration."""
    (inside.folder / "maint.toml").write_text(text)


def left(conn: Conn) -> str:
    """The ids that are left."""
    return "".join(str(row[0]) for row in conn.execute("SELECT id FROM mail.messages ORDER BY id"))


def test_it_removes_what_is_due(mail: Inside, conn: Conn) -> None:
    """Old rows for which the condition holds; the ledger, the log and the report know it."""
    result = mail("old-mail", "--json")
    assert result.code == 0, result.err
    assert left(conn) == "cde"
    assert (result.json["deleted_count"], result.json["null_count"]) == (2, 1)
    assert result.json["tables"] == {"mail.messages": 2}
    assert "removed a" in result.err
    found = conn.execute("SELECT job, outcome, deleted_count, parameters->>'keep' FROM job_runs")
    assert found.fetchall() == [("old-mail", "success", 2, "14d")]


def test_a_dry_run_counts(mail: Inside, conn: Conn) -> None:
    """The same number, and nothing is changed."""
    result = mail("old-mail", "--dry-run", "--json")
    assert (result.code, result.json["deleted_count"]) == (0, 2), result.err
    assert left(conn) == "abcde"


def test_the_flag_beats_the_variable_and_that_the_file(mail: Inside) -> None:
    """--keep, MAINT_OLD_MAIL_KEEP, keep."""
    variable = {"MAINT_OLD_MAIL_KEEP": "10y"}

    def due(*flags: str, env: dict[str, str] | None = None) -> object:
        return mail("old-mail", "--dry-run", "--json", *flags, env=env).json["deleted_count"]

    assert due() == 2
    assert due(env=variable) == 0
    assert due("--keep", "2y", env=variable) == 1


@pytest.mark.parametrize("age", ["0", "-1d", "0.5s"])
def test_an_age_that_keeps_nothing_is_refused(mail: Inside, conn: Conn, age: str) -> None:
    """From the flag and from the file; nothing is touched."""
    flag = mail("old-mail", "--keep", age)
    say(mail, SWEEP.replace("14d", age))
    file = mail("old-mail")
    assert (flag.code, file.code, left(conn)) == (65, 65, "abcde")
    assert "--keep: " in flag.err
    assert "maint.toml [sweeps.old-mail] keep: " in file.err
    assert "it must be at least 1s. Nothing was touched." in file.err


def test_a_blank_age_is_an_error(mail: Inside, conn: Conn) -> None:
    """Never the default, wherever it stands."""
    assert mail("old-mail", "--keep", "").code == 2
    assert mail("old-mail", env={"MAINT_OLD_MAIL_KEEP": " "}).code == 78
    say(mail, SWEEP.replace("14d", ""))
    assert mail("old-mail").code == 78
    assert left(conn) == "abcde"


def test_it_has_a_guard(mail: Inside, conn: Conn) -> None:
    """Over half of a large table is refused, unless the section says otherwise."""
    conn.execute(
        "INSERT INTO mail.messages SELECT 'x', 'done', now() - CASE WHEN i <= 700"
        " THEN interval '1 y' ELSE interval '1 s' END FROM generate_series(1, 1200) i"
    )
    refused = mail("old-mail")
    assert refused.code == 65
    assert "--max-percent 50" in refused.err
    say(mail, SWEEP + "max-percent = 80\n")
    assert mail("old-mail", "--json").json["deleted_count"] == 702


def test_it_is_in_the_help(mail: Inside) -> None:
    """Under a heading of its own, with its description, and with help of its own."""
    say(mail, SWEEP + 'description = """Forget old mail.\n\nIt was sent."""\n')
    root = mail("--help").out
    assert "Configured sweeps:\n  old-mail" in root
    assert "Forget old mail." in root
    words = " ".join(mail("old-mail", "--help").out.split())
    assert "Forget old mail. It was sent." in words
    assert "--keep DURATION" in words
    assert "default: 14d; env: MAINT_OLD_MAIL_KEEP; toml: [sweeps.old-mail] keep" in words
    assert "--dry-run" in words
    assert "[jobs." not in words


def test_without_a_description_the_help_says_what_it_does(mail: Inside) -> None:
    """Table, age and column."""
    words = " ".join(mail("--help").out.split())
    assert "old-mail Delete rows of mail.messages 14d after their sent_at." in words


def test_it_is_listed_and_watched(mail: Inside, conn: Conn) -> None:
    """list, status, readyz and run know it; without a schedule it is by hand."""
    say(mail, SWEEP + 'schedule = "0 5 * * *"\nschedule-timezone = "Asia/Tokyo"\n')
    found = {job["name"]: job for job in mail("list", "--json").json["jobs"]}
    one = found["old-mail"]
    assert (one["origin"], one["group"]) == ("configuration", "Configured sweeps")
    assert (one["schedule"], one["timezone"], one["enabled"]) == ("0 5 * * *", "Asia/Tokyo", True)
    assert one["next_run_at"].endswith("T20:00:00.000Z")
    assert mail("run", "old-mail", "--json").json["runs"][0]["deleted_count"] == 2
    states = {job["name"]: job["state"] for job in mail("status", "--json").json["jobs"]}
    assert states["old-mail"] == "success"
    assert left(conn) == "cde"


def test_it_runs_with_all_where_it_has_a_schedule(mail: Inside) -> None:
    """By hand alone without one, and not where it is disabled."""

    def jobs() -> set[str]:
        return {run["job"] for run in mail("run", "--all", "--json").json["runs"]}

    say(mail, enable("cleanup-sessions") + SWEEP)
    assert "old-mail" not in jobs()
    say(mail, SWEEP + 'schedule = "0 5 * * *"\n')
    assert "old-mail" in jobs()
    off = SWEEP + 'schedule = "0 5 * * *"\nenabled = false\n'
    say(mail, enable("cleanup-sessions") + off)
    assert "old-mail" not in jobs()


def test_a_bad_schedule_is_an_error(mail: Inside) -> None:
    """With its place."""
    say(mail, SWEEP + 'schedule = "0 25 * * *"\n')
    result = mail("list")
    assert result.code == 78
    assert "maint.toml [sweeps.old-mail] schedule: " in result.err


def test_it_can_be_paused(mail: Inside, conn: Conn) -> None:
    """As any other job."""
    assert mail("pause", "old-mail").code == 0
    assert mail("old-mail", "--json").json["outcome"] == "skipped"
    assert left(conn) == "abcde"


def test_the_configuration_is_looked_for_first(mail: Inside, conn: Conn) -> None:
    """--config and --env-file, behind the name, are what makes the command."""
    (mail.folder / "maint.toml").rename(mail.folder / "other.toml")
    assert mail("old-mail").code == 2
    assert mail("old-mail", "--dry-run", "--config", "other.toml").code == 0
    assert mail("old-mail", "--dry-run", env={"MAINT_CONFIG": "other.toml"}).code == 0
    variables = mail.folder / "some.env"
    variables.write_text("MAINT_CONFIG=other.toml\n")
    variables.chmod(0o600)
    assert mail("old-mail", "--env-file=some.env").code == 0
    assert left(conn) == "cde"


def test_a_broken_configuration_is_said_where_it_matters(mail: Inside) -> None:
    """--help works; a name that only the file could explain says what is wrong with the file."""
    say(mail, SWEEP.replace("keep", "kepe"))
    assert mail("--help").code == 0
    assert "Configured sweeps" not in mail("--help").out
    result = mail("old-mail")
    assert result.code == 78
    assert "maint.toml [sweeps.old-mail]: unknown key kepe; did you mean keep?" in result.err


def test_a_name_that_is_nearly_right(mail: Inside) -> None:
    """What was probably meant; what nobody can have meant is unknown as ever."""
    near = mail("old-mial")
    assert near.code == 2
    assert "There is no command 'old-mial'; did you mean old-mail?" in near.err
    assert "No such command 'frobnicate'" in mail("frobnicate").err


@pytest.mark.parametrize("name", ["cleanup-sessions", "list"])
def test_a_name_that_is_taken(mail: Inside, name: str) -> None:
    """A built-in command wins nothing and hides nothing: the file is wrong."""
    say(mail, SWEEP.replace("old-mail", name))
    for arguments in (["cleanup-sessions"], ["list"], ["run", "--all"]):
        result = mail(*arguments)
        assert result.code == 78
        assert (
            f"maint.toml [sweeps.{name}]: {name} is a command of maint; choose another name."
            in result.err
        )


def test_a_name_that_a_package_has(
    mail: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job of an installed package, listed or not."""
    install_example(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    say(mail, SWEEP.replace("old-mail", "cleanup-drafts"))
    result = mail("list")
    assert result.code == 78
    assert "cleanup-drafts is a job of the package maint-example; choose another" in result.err


WRONG = [
    (
        "table",
        '"mail.nothing"',
        "There is no table mail.nothing. Name yours in maint.toml: [sweeps",
    ),
    (
        "table",
        '"mail.mesages"',
        "mail.mesages; did you mean mail.messages? Name yours in maint.toml",
    ),
    ("table", '"messages"', "There is no table messages; did you mean mail.messages? Name yours"),
    ("table", '"a.b.c"', "[sweeps.old-mail] table: 'a.b.c' is not a table name; write"),
    (
        "column",
        '"sent"',
        "mail.messages has no column sent. Name yours in maint.toml: [sweeps.old-",
    ),
    ("column", '"status"', "mail.messages.status is of type text, which is not a time."),
    ("show", '["ident"]', '[sweeps.old-mail] show = "…" (it has: id, status, sent_at).'),
    (
        "where",
        '"state = 1"',
        'is not a valid condition on rows of mail.messages: column "state" does',
    ),
    ("where", '"status"', "is not a valid condition on rows of mail.messages: "),
    (
        "where",
        '"true) OR (true"',
        "is not a valid condition on rows of mail.messages: syntax error",
    ),
    (
        "where",
        '"true; DROP TABLE mail.messages"',
        "is not a valid condition on rows of mail.messages: sy",
    ),
    (
        "where",
        '"count(*) > 0"',
        "is not a valid condition on rows of mail.messages: aggregate functions",
    ),
    (
        "max-percnt",
        "5",
        "maint.toml [sweeps.old-mail]: unknown key max-percnt; did you mean max-pe",
    ),
    ("max-percent", '"many"', "maint.toml [sweeps.old-mail] max-percent: 'many' is not a number"),
    (
        "timeout",
        '"0"',
        "maint.toml [sweeps.old-mail] timeout: 0s is too small; it must be at least",
    ),
]


@pytest.mark.parametrize(("key", "value", "message"), WRONG)
@pytest.mark.parametrize("dry", [["--dry-run"], []])
def test_what_the_database_or_the_job_does_not_know(
    mail: Inside, conn: Conn, dry: list[str], key: str, value: str, message: str
) -> None:
    """One sentence, exit 78, every row left; the dry run finds it too."""
    lines = [line for line in SWEEP.splitlines() if not line.startswith(f"{key} ")]
    say(mail, "\n".join([*lines, f"{key} = {value}"]))
    result = mail("old-mail", *dry)
    assert result.code == 78, result.err
    assert message in result.err
    assert left(conn) == "abcde"


@pytest.mark.parametrize(
    "condition",
    ["status = 'sent", "(status = 'sent'", "status =", "true /* ", "$$then", "CASE WHEN '"],
)
def test_a_condition_that_is_not_complete(mail: Inside, conn: Conn, condition: str) -> None:
    """Said of it, with file and key, and nothing of the statement that it stands in."""
    say(mail, SWEEP.replace("status = 'done'", condition))
    result = mail("old-mail")
    assert result.code == 78
    assert "[sweeps.old-mail] where in maint.toml is not a valid condition on rows of" in result.err
    assert "it is incomplete; close every quotation mark" in result.err
    assert not any(word in result.err for word in ("THEN", "LIMIT", "search_path"))
    assert left(conn) == "abcde"


def test_the_file_that_was_read_is_named(mail: Inside, conn: Conn) -> None:
    """Where the error says what to write into it; or that there was none, and where."""
    conn.execute("DROP TABLE active_sessions CASCADE")
    (mail.folder / "maint.toml").unlink(missing_ok=True)
    setting = '[tables.active_sessions] name = "schema.table"'
    absent = f"in maint.toml (there is none in {mail.folder}): {setting}"
    assert absent in mail("cleanup-sessions").err
    (mail.folder / "other.toml").touch()
    assert f"in other.toml: {setting}" in mail("cleanup-sessions", "--config", "other.toml").err


def test_a_condition_may_hold_anything_that_is_sql(mail: Inside, conn: Conn) -> None:
    """Percent signs, braces, quotes, comments: it stands in the statement as it is written."""
    condition = "status LIKE 'do%' AND '{x}' <> '%s' -- and no more"
    say(mail, SWEEP.replace("status = 'done'", condition))
    assert mail("old-mail", "--json").json["deleted_count"] == 2
    assert left(conn) == "cde"


def test_times_of_other_types(mail: Inside, conn: Conn) -> None:
    """timezone and epoch stand in the section of the sweep."""
    conn.execute(
        "ALTER TABLE mail.messages ALTER sent_at TYPE timestamp USING sent_at AT TIME ZONE 'UTC'"
    )
    refused = mail("old-mail")
    assert refused.code == 78
    assert 'Say which zone it is written in: [sweeps.old-mail] timezone = "UTC" in' in refused.err
    say(mail, SWEEP + 'timezone = "UTC"\n')
    assert mail("old-mail", "--dry-run", "--json").json["deleted_count"] == 2
    conn.execute(
        "ALTER TABLE mail.messages ALTER sent_at TYPE bigint USING extract(epoch FROM sent_at)"
    )
    refused = mail("old-mail")
    assert 'an integer with [sweeps.old-mail] epoch = "s" or "ms" in maint.toml' in refused.err
    say(mail, SWEEP + 'epoch = "s"\n')
    assert mail("old-mail", "--json").json["deleted_count"] == 2
    assert left(conn) == "cde"


@pytest.mark.parametrize("change", ["sent_at = now()", "status = 'waiting'"])
@pytest.mark.usefixtures("patient")
def test_a_row_that_changes_meanwhile_is_looked_at_again(
    mail: Inside, conn: Conn, db: str, change: str
) -> None:
    """What is no longer due, by its time or by the condition, when its change commits, stays."""
    with psycopg.connect(db) as application:
        application.execute(f"UPDATE mail.messages SET {change} WHERE id = 'a'".encode())
        holder = application.info.backend_pid

        def commit_once_waited_for() -> None:
            query = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
            until(lambda: conn.execute(query, [holder]).fetchone() != (0,), "the sweep waits")
            application.commit()

        thread = threading.Thread(target=commit_once_waited_for)
        thread.start()
        result = mail("old-mail", "--json")
        thread.join()
    assert (result.code, result.json["deleted_count"]) == (0, 1), result.err
    assert left(conn) == "acde"


def test_all_databases_have_it(mail: Inside, conn: Conn) -> None:
    """--database all runs it in each, by its own section."""
    say(mail, SWEEP + '[databases.other]\nurl = "env:DATABASE_URL"\n')
    result = mail("old-mail", "--database", "all", "--json")
    assert result.code == 0, result.err
    assert left(conn) == "cde"


def test_it_is_completed(mail: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name is among the commands and the arguments of run."""
    monkeypatch.chdir(mail.folder)
    assert list(location.entries().keys() - registry.JOBS.keys()) == ["old-mail"]
    completed = {"_MAINT_COMPLETE": "complete_bash", "COMP_WORDS": "maint old-", "COMP_CWORD": "1"}
    assert mail(env=completed).out.split() == ["old-mail"]
    words = {**completed, "COMP_WORDS": "maint run old-", "COMP_CWORD": "2"}
    assert mail(env=words).out.split() == ["old-mail"]


def test_completion_is_silent_about_a_broken_configuration(mail: Inside) -> None:
    """Who presses the tab key in the middle of a line reads no error."""
    say(mail, SWEEP.replace("keep", "kepe"))
    completed = {"_MAINT_COMPLETE": "complete_bash", "COMP_CWORD": "2"}
    for line in ("maint old-mail --", "maint old-mail ", "maint run old-"):
        result = mail(env={**completed, "COMP_WORDS": line})
        assert (result.code, result.err) == (0, "")


@pytest.mark.usefixtures("mail")
def test_it_is_a_command_in_a_process_of_its_own(maint: Maint, conn: Conn, db: str) -> None:
    """As a scheduler starts it."""
    (maint.folder / "maint.toml").write_text(SWEEP)
    result = maint("old-mail", "--json", env={"DATABASE_URL": db})
    assert (result.code, result.json["deleted_count"]) == (0, 2), result.err
    assert left(conn) == "cde"
