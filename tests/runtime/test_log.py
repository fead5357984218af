"""Log lines: time, level, job, sentence."""

import os
import re
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest

from maintcli.runtime.log import Level, Log, printable
from tests.parts.cli import Maint
from tests.parts.inside import Inside

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
STRANGER = 65534


def test_a_line_is_time_level_job_sentence(inside: Inside) -> None:
    """So that a filter for a job's name, or for ERROR, works."""
    lines = inside("cleanup-sessions").err.splitlines()
    shape = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ INFO cleanup-sessions started run=[0-9a-f-]{36}"
    assert re.fullmatch(shape, lines[0])


def test_lines_go_to_files_too(inside: Inside) -> None:
    """To --log-file, and to logs/maint.log where a folder logs/ exists; also when quiet."""
    (inside.folder / "logs").mkdir()
    result = inside("cleanup-sessions", "-q", "--log-file", "other.log")
    assert (result.out, result.err) == ("", "")
    for name in ("other.log", "logs/maint.log"):
        assert "started run=" in (inside.folder / name).read_text()


@pytest.mark.parametrize("how", [(), ("--quiet",), ("--json",)])
def test_files_end_with_outcome_and_figures(
    inside: Inside, conn: psycopg.Connection, how: tuple[str, ...]
) -> None:
    """Which standard output says to others; standard error says it to nobody."""
    conn.execute("INSERT INTO active_sessions VALUES ('s', 'k', '2001-01-01Z')")
    for words, end in (
        (("cleanup-sessions",), " INFO cleanup-sessions success: deleted 1, "),
        (("run", "cleanup-sessions"), " INFO cleanup-sessions success: deleted 0, "),
        (("cleanup-queues",), " INFO cleanup-queues failed ("),
        (("cleanup-sessions", "-n"), " INFO cleanup-sessions dry run: would delete 0, "),
    ):
        result = inside(*words, *how, "--log-file", "x.log")
        lines = (inside.folder / "x.log").read_text().splitlines()
        assert end in lines[-1]
        assert end not in result.err
    assert conn.execute("SELECT count(*) FROM active_sessions").fetchone() == (0,)


def test_trouble_is_loud_even_when_quiet(inside: Inside) -> None:
    """Silence means that it worked."""
    result = inside("cleanup-sessions", "-q", "--stale-after", "0")
    assert result.code == 65
    assert " ERROR cleanup-sessions " in result.err


def test_a_log_file_that_cannot_be_written(inside: Inside) -> None:
    """One sentence, before anything is done."""
    result = inside("cleanup-sessions", "--log-file", "nowhere/x.log")
    assert result.code == 78
    assert (
        result.err
        == "maint: --log-file nowhere/x.log cannot be written: No such file or directory.\n"
    )


@pytest.mark.parametrize("text", ["\x1b[31mred", "a\nb", "a\rb", "\u202egnp.exe", "\x9b2J", "\x00"])
def test_database_text_cannot_drive_a_terminal(text: str) -> None:
    """Control and formatting characters become a replacement character."""
    assert printable(text).isprintable()


def test_odd_keys_are_neutralised_in_the_log(inside: Inside, conn: psycopg.Connection) -> None:
    """Rows that name themselves with escape sequences or markup stay text."""
    conn.execute(
        "INSERT INTO active_sessions VALUES (E'\\x1b[31m', '[bold]k', now() - interval '1 h')"
    )
    result = inside("cleanup-sessions")
    assert "\x1b" not in result.err
    assert "[bold]k" in result.err


def test_secrets_are_masked_wherever_they_turn_up(capsys: pytest.CaptureFixture[str]) -> None:
    """A last defence, should a library repeat what it was given."""
    log = Log("job", Level.INFO)
    log.hide("s3cr3t")
    log.error("cannot use s3cr3t here")
    assert "s3cr3t" not in capsys.readouterr().err


@pytest.fixture
def logs(inside: Inside) -> Path:
    """The folder logs/ of the working directory."""
    folder = inside.folder / "logs"
    folder.mkdir(mode=0o755)
    return folder


def test_a_full_disk_under_logs_changes_no_outcome(maint: Maint, db: str) -> None:
    """The report comes and says it once; what fits is written."""
    (maint.folder / "logs").mkdir()
    (maint.folder / "logs" / "maint.log").write_text("x" * 1_000)
    maint.file_bytes = 1_050
    found = maint("cleanup-sessions", "--json", env={"DATABASE_URL": db})
    assert (found.code, found.json["outcome"]) == (0, "success"), found.err
    assert [w for w in found.json["warnings"] if "logs/maint.log" in w] == [
        "logs/maint.log cannot be written: File too large; lines are missing there"
    ]


def test_a_log_file_without_room_changes_no_outcome(inside: Inside) -> None:
    """The same where --log-file names it."""
    found = inside("cleanup-sessions", "--json", "--log-file", "/dev/full")
    assert (found.code, len(found.json["warnings"])) == (0, 1), found.err
    assert "/dev/full cannot be written: No space left" in found.json["warnings"][0]


def test_a_pipe_without_a_reader_does_not_block(inside: Inside, logs: Path) -> None:
    """Neither a named one nor one in logs/."""
    os.mkfifo(logs / "maint.log")
    os.mkfifo(logs / "named")
    found = inside("cleanup-sessions", "--json", "--log-file", "logs/named")
    assert found.code == 0, found.err
    assert "logs/maint.log is not written" in found.err
    assert found.json["warnings"] == [
        "--log-file logs/named cannot be written: No such device or address"
    ]


def test_a_full_pipe_does_not_block(inside: Inside, logs: Path) -> None:
    """Its reader is there and does not read."""
    os.mkfifo(logs / "named")
    reader = os.open(logs / "named", os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(logs / "named", os.O_WRONLY | os.O_NONBLOCK)
    with suppress(BlockingIOError):
        while os.write(writer, b"x" * 4_096):
            pass
    found = inside("cleanup-sessions", "--json", "--log-file", "logs/named")
    os.close(reader)
    os.close(writer)
    assert (found.code, len(found.json["warnings"])) == (0, 1), found.err


def test_a_link_in_logs_is_not_followed(inside: Inside, logs: Path) -> None:
    """It would let whoever made it choose the file that lines go to."""
    victim = inside.folder / "victim"
    victim.write_text("untouched")
    (logs / "maint.log").symlink_to(victim)
    found = inside("cleanup-sessions")
    assert (found.code, victim.read_text()) == (0, "untouched")
    assert "logs/maint.log is not written" in found.err


@AS_ROOT
@pytest.mark.parametrize("whose", ["folder", "link to a folder", "writable", "file", "hard link"])
def test_logs_of_another_user_are_not_written(inside: Inside, logs: Path, whose: str) -> None:
    """Who can put files there could choose the file that lines go to; the run goes its way."""
    log, other = logs / "maint.log", inside.folder / "other"
    match whose:
        case "folder":
            os.chown(logs, STRANGER, STRANGER)
        case "writable":
            logs.chmod(0o777)
        case "file":
            log.touch()
            os.chown(log, STRANGER, STRANGER)
        case "hard link":
            other.touch()
            log.hardlink_to(other)
        case _:
            logs.rename(other)
            logs.symlink_to(other)
            os.lchown(logs, STRANGER, STRANGER)
    found = inside("cleanup-sessions")
    assert found.code == 0
    assert "logs/maint.log is not written: " in found.err
    assert not log.exists() or not log.read_text()


@AS_ROOT
def test_logs_that_a_group_shares_are_written(inside: Inside, logs: Path) -> None:
    """As a volume in Kubernetes is: root's, and of the pod's group."""
    os.chown(logs, 0, STRANGER)
    logs.chmod(0o2775)
    assert inside("cleanup-sessions").code == 0
    assert "started run=" in (logs / "maint.log").read_text()


@AS_ROOT
def test_a_log_file_that_is_a_stranger_s_link_is_refused(inside: Inside) -> None:
    """A link of one's own is followed: /dev/stderr is one of root's."""
    victim, link = inside.folder / "victim", inside.folder / "link"
    link.symlink_to(victim)
    assert inside("cleanup-sessions", "--log-file", "link").code == 0
    assert "started run=" in victim.read_text()
    victim.write_text("untouched")
    os.lchown(link, STRANGER, STRANGER)
    found = inside("cleanup-sessions", "--log-file", "link")
    assert (found.code, victim.read_text()) == (78, "untouched")
    assert "is a link of another user" in found.err


def test_a_run_may_begin_without_standard_error(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python has none after `2>&-`."""
    monkeypatch.setattr("maintcli.runtime.log.sys", SimpleNamespace(stderr=None))
    assert inside("cleanup-sessions", "--json").json["outcome"] == "success"
