"""What stands in maint.toml: unknown keys, wrong types, tables, zones, plugins."""

from pathlib import Path

import pytest

from maintcli.config.load import load
from maintcli.config.model import Config
from maintcli.config.tables import TableMap
from maintcli.errors import ConfigError


def read(cwd: Path, text: str, **environ: str) -> Config:
    """The configuration of a maint.toml that says `text`."""
    _ = (cwd / "maint.toml").write_text(text)
    return load(environ=environ, cwd=cwd)


def refusal(cwd: Path, text: str, **environ: str) -> str:
    """The message with which `text` is refused."""
    with pytest.raises(ConfigError) as caught:
        _ = read(cwd, text, **environ)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("databse = {}", "maint.toml: unknown key databse; did you mean database?"),
        (
            "max_concurrent_jobs = 3",
            "maint.toml: unknown key max_concurrent_jobs; did you mean max-concurrent-jobs?",
        ),
        ("[database]\nulr = 1", "maint.toml [database]: unknown key ulr; did you mean url?"),
        ("[database]\nxyz = 1", "maint.toml [database]: unknown key xyz; known: schema, url."),
        (
            "[databases.reporting]\nshcema = 1",
            "maint.toml [databases.reporting]: unknown key shcema; did you mean schema?",
        ),
        ("[tables.a]\ncolums = {}", "maint.toml [tables.a]: unknown key colums; did you mean col"),
        ('"a b" = 1', "maint.toml: unknown key 'a b'; known: "),
        ('"postgres://u:canary@h" = 1', "maint.toml: unknown key '***'; known: "),
    ],
)
def test_an_unknown_key_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    """At every level, with what was probably meant."""
    assert refusal(tmp_path, text).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("database = 5", "maint.toml database: it is a number and must be a table: [database]."),
        ("[[tables]]\na = 1", "maint.toml tables: it is a list and must be a table: [tables]."),
        ("[tables]\na = true", "maint.toml [tables] a: it is true or false and must be a table"),
        ("[tables.a]\nname = 5", "maint.toml [tables.a] name: it is a number and must be text"),
        ("[tables.a]\nname = ''", "maint.toml [tables.a] name: it is blank; give it a value or"),
        ('[tables.a]\nname = "a\\u0000"', "maint.toml [tables.a] name: it holds a NUL character"),
        ("[tables.a.columns]\nx = []", "maint.toml [tables.a.columns] x: it is a list and must"),
        ("[tables.a]\nepoch = 'ns'", "maint.toml [tables.a] epoch: 'ns' is not one of its values"),
        ("[tables.a]\ntimezone = 1.5", "maint.toml [tables.a] timezone: it is a decimal number"),
        ("plugins = 'x'", 'maint.toml plugins: it is text and must be a list: ["…"].'),
        ("plugins = [1]", "maint.toml plugins: in its list, it is a number and must be text"),
        ("[jobs.x]\nenabled = 'no'", "maint.toml [jobs.x] enabled: it is text and must be true or"),
        ("[jobs.x]\nschedule = 5", "maint.toml [jobs.x] schedule: it is a number and must be a l"),
        ("[jobs.x]\ntimezone = 2020-01-01", "maint.toml [jobs.x] timezone: it is a date or time"),
        ("[jobs]\nx = 5", "maint.toml [jobs] x: it is a number and must be a table: [jobs.x]."),
        ("max-concurrent-jobs = 0", "maint.toml max-concurrent-jobs: 0 is too small; it must be"),
        ("max-concurrent-jobs = true", "maint.toml max-concurrent-jobs: it is true or false and"),
        ("[databases.all]", "maint.toml [databases.all]: the name all is taken; it stands for"),
        ("[databases.default]", "maint.toml [databases.default]: the name default is taken; wri"),
    ],
)
def test_a_wrong_type_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    """With the place, what it is, and what it must be."""
    assert refusal(tmp_path, text).startswith(message)


def test_tables_are_mapped(tmp_path: Path) -> None:
    """Names, columns, zone and epoch of the user's own tables."""
    config = read(
        tmp_path,
        """
        [tables.active_sessions]
        name = "${SCHEMA}.sessions"
        timezone = "Europe/Berlin"
        epoch = "ms"
        [tables.active_sessions.columns]
        last_heartbeat = "seen at"
        """,
        SCHEMA="auth",
    )
    table = config.table("active_sessions")
    assert table == TableMap("auth.sessions", {"last_heartbeat": "seen at"}, "Europe/Berlin", "ms")
    assert (table.column("last_heartbeat"), table.column("id")) == ("seen at", "id")
    assert config.table("users") == TableMap()


def test_an_unknown_zone_is_an_error(tmp_path: Path) -> None:
    """With the zone that was probably meant."""
    message = refusal(tmp_path, "[tables.a]\ntimezone = 'Europe/Berln'")
    assert message == (
        "maint.toml [tables.a] timezone: 'Europe/Berln' is not a time zone; "
        "did you mean Europe/Berlin?"
    )


def test_a_section_of_no_job_is_an_error(tmp_path: Path) -> None:
    """The caller knows the jobs; a misspelt section is not ignored."""
    config = read(tmp_path, "[jobs.cleanup-sesions]\n[tables.sesions]")
    with pytest.raises(ConfigError) as caught:
        config.check_jobs(["cleanup-sessions", "retry-emails"])
    assert str(caught.value) == (
        "maint.toml [jobs.cleanup-sesions]: there is no such job; did you mean cleanup-sessions?"
    )
    with pytest.raises(ConfigError, match=r"\[tables.sesions\].*did you mean sessions\?"):
        config.check_tables({"sessions": ["id"]})
    config.check_jobs(["cleanup-sesions"])


def test_a_table_of_one_s_own_may_be_mapped(tmp_path: Path) -> None:
    """A list of tables may name it; a slip of the pen in a known name is still an error."""
    known = {"active_sessions": ["session_id"], "chat_sessions": ["id"]}
    for own in ("forum_posts", "'app.posts'", "'public.chat_sesions'", "'\"Order\"'"):
        read(tmp_path, f"[tables.{own}]\ntimezone = 'UTC'").check_tables(known)
    for wrong in ("[tables.chat_sesions]", "[tables.chat_sesions]\nname = 'app.chats'"):
        with pytest.raises(ConfigError) as caught:
            read(tmp_path, wrong).check_tables(known)
        assert str(caught.value) == (
            "maint.toml [tables.chat_sesions]: did you mean chat_sessions? A table of your own"
            " called so needs its schema, here and in the job's list:"
            " [tables.'public.chat_sesions']."
        )


def test_a_column_that_no_job_knows_is_an_error(tmp_path: Path) -> None:
    """Else the job would look at the column that was not mapped; a user's own table has any."""
    known = {"active_sessions": ["last_heartbeat", "session_id"]}
    wrong = "[tables.active_sessions.columns]\nlast_hartbeat = 'seen_at'"
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, wrong).check_tables(known)
    assert str(caught.value) == (
        "maint.toml [tables.active_sessions.columns]: unknown key last_hartbeat; did you mean"
        " last_heartbeat?"
    )
    read(tmp_path, "[tables.'app.posts'.columns]\nwritten = 'written_at'").check_tables(known)


def test_jobs_stay_as_written(tmp_path: Path) -> None:
    """A job's own keys are left for the job."""
    config = read(tmp_path, "[jobs.x]\nenabled = false\nschedule = ['1 * * * *']\nolder = '1d'")
    assert config.jobs == {"x": {"enabled": False, "schedule": ["1 * * * *"], "older": "1d"}}


def test_a_global_setting_has_a_variable(tmp_path: Path) -> None:
    """The environment is over maint.toml."""
    config = read(tmp_path, "max-concurrent-jobs = 3", MAINT_MAX_CONCURRENT_JOBS="7")
    assert config.max_concurrent_jobs == 7
    assert config.max_concurrent.origin == "environment MAINT_MAX_CONCURRENT_JOBS"


def test_warnings_of_the_env_file_are_passed_on(tmp_path: Path) -> None:
    """What is odd in .env reaches the log."""
    path = tmp_path / ".env"
    _ = path.write_text("A=1\nA=2\n")
    path.chmod(0o600)
    assert read(tmp_path, "plugins = ['a']").warnings == (
        ".env sets A more than once; the last one counts.",
    )


def test_a_configuration_prints_no_secret(tmp_path: Path) -> None:
    """The repr of everything holds no value of a variable, a URL or a job."""
    text = "[database]\nurl='canary1'\n[jobs.x]\ntoken='canary2'"
    assert "canary" not in repr(read(tmp_path, text, DATABASE_URL="canary3"))


class TestHash:
    """The short hash that the ledger keeps."""

    def test_it_tells_settings_apart(self, tmp_path: Path) -> None:
        """Another setting, another hash; the order of keys does not count."""
        one = read(tmp_path, "plugins = ['a']\nmax-concurrent-jobs = 3").hash
        same = read(tmp_path, "max-concurrent-jobs = 3\nplugins = ['a']").hash
        other = read(tmp_path, "max-concurrent-jobs = 4\nplugins = ['a']").hash
        assert one == same
        assert one != other
        assert len(one) == 12

    def test_a_variable_counts(self, tmp_path: Path) -> None:
        """MAINT_… variables are settings too; those that differ in every run are not."""
        base = read(tmp_path, "").hash
        assert read(tmp_path, "", MAINT_X_AGE="1d").hash != base
        assert read(tmp_path, "", MAINT_RUN_GROUP="1").hash == base

    def test_a_secret_does_not_count(self, tmp_path: Path) -> None:
        """The hash can be shown: no URL is in it."""
        one = read(tmp_path, "[database]\nurl = 'a'", DATABASE_URL="x").hash
        assert one == read(tmp_path, "[database]\nurl = 'b'", DATABASE_URL="y").hash
