"""maint trigger: one POST to a backend, and an exit code that says what became of it"""

import base64
import json
import signal
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.parts.backend import (
    Backend,
    Behaviour,
    backend,
    certificate,
    cut,
    drip,
    flood,
    reply,
    say,
    silence,
)
from tests.parts.cli import Maint, Result
from tests.parts.inside import Inside
from tests.parts.waiting import PATIENCE, until

Conn = psycopg.Connection[tuple[Any, ...]]
CANARY = "c4n4ry-s3cr3t-c4n4ry"
CONFIG = """\
[triggers.pending]
url = "${BACKEND_URL}/api/jobs/process-pending"
auth = "cron-secret"
"""
ADMIN = """\
[triggers.cleanup]
url = "${BACKEND_URL}/v1/admin/cleanup"
auth = "basic"
"""


@pytest.fixture
def there() -> Generator[Backend]:
    """A backend."""
    with backend() as found:
        yield found


@pytest.fixture
def alone(tmp_path: Path, there: Backend) -> Inside:
    """The command without any database, in a folder with CONFIG."""
    (tmp_path / "maint.toml").write_text(CONFIG)
    return Inside(tmp_path, {"BACKEND_URL": there.url, "CRON_SECRET": CANARY})


def send(alone: Inside, *more: str) -> Result:
    """Send it, and see that nobody shows the secret."""
    result = alone("trigger", "pending", "--no-ledger", "-v", *more)
    assert CANARY not in result.out + result.err
    assert base64.b64encode(CANARY.encode()).decode() not in result.out + result.err
    assert "Traceback" not in result.err
    return result


def test_it_posts_once_and_shows_what_was_done(alone: Inside, there: Backend) -> None:
    """With the secret in its header, and the figures of the answer in text and JSON."""
    there.behave = reply(200, '{"processed": 3, "failed": 0, "duration": "234ms", "more": 1}')
    result = send(alone)
    assert result.code == 0, result.err
    assert "success: status 200, processed 3, failed 0, duration 234ms (" in result.out
    (request,) = there.requests
    assert request.line == "POST /api/jobs/process-pending HTTP/1.1"
    assert request.headers["x-cron-secret"] == CANARY
    assert request.headers["content-length"] == "0"
    assert request.headers["user-agent"].startswith("maint/")
    found = send(alone, "--json").json
    assert (found["job"], found["status"], found["exit_code"]) == ("trigger-pending", 200, 0)
    assert (found["processed"], found["failed"], found["duration"]) == (3, 0, "234ms")


@pytest.mark.parametrize(
    "body",
    ["", "OK", "[1]", "{", "[" * 30000, '{"processed": null, "failed": null}', "\x00\xff"],
)
def test_an_answer_without_figures_is_none_the_worse(
    alone: Inside, there: Backend, body: str
) -> None:
    """Empty, no JSON, no object, nested without end: a 2xx says that it was done."""
    there.behave = reply(202, body)
    result = send(alone, "--json")
    assert result.code == 0, result.err
    assert (result.json["status"], result.json["processed"]) == (202, None)


@pytest.mark.parametrize(
    ("body", "failed"),
    [
        ({"processed": 5, "failed": 2}, 2),
        ({"failed": "2"}, 2),
        ({"failed": 2.0}, 2),
        ({"failed": ["a", "b"]}, 2),
        ({"processed": {}, "failed": 2}, 2),
    ],
)
def test_what_failed_is_in_the_exit_code(
    alone: Inside, there: Backend, body: dict[str, Any], failed: int
) -> None:
    """3, however the backend counts it."""
    there.behave = reply(200, json.dumps(body))
    result = send(alone, "--json")
    assert (result.code, result.json["outcome"]) == (3, "partial")
    assert result.json["failed"] == failed
    assert "2 failed" in result.json["message"]


@pytest.mark.parametrize(
    "value",
    ["true", "false", "2.5", "-2", '"-2"', '""', '"two"', '{"a": 1}', "1e999", "NaN", "9" * 5000],
)
def test_a_number_of_failures_that_cannot_be_read_is_a_failure(
    alone: Inside, there: Backend, value: str
) -> None:
    """1 with a sentence, also with --quiet: it may well be that all failed."""
    there.behave = reply(200, f'{{"processed": 5, "failed": {value}}}')
    result = send(alone, "--quiet")
    assert result.code == 1
    assert "failed in the answer is not a whole number, so it is unknown" in result.err


@pytest.mark.parametrize("key", ["success", "ok"])
@pytest.mark.parametrize("value", ['"false"', "0", "1", "{}"])
def test_a_success_that_cannot_be_read_is_a_failure(
    alone: Inside, there: Backend, key: str, value: str
) -> None:
    """Only true says that it was one."""
    there.behave = reply(200, f'{{"{key}": {value}, "failed": 0}}')
    result = send(alone)
    assert (result.code, f"{key} in the answer is not true or false" in result.err) == (1, True)


@pytest.mark.parametrize("status", [100, 102, 103])
@pytest.mark.parametrize("times", [1, 3])
def test_an_interim_answer_is_passed_over(
    alone: Inside, there: Backend, status: int, times: int
) -> None:
    """Early hints and the like come before the answer, which is the one that counts."""
    interim = f"HTTP/1.1 {status} Wait\r\nLink: </x>\r\n\r\n".encode() * times
    body = b'{"failed": 2}'
    final = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    there.behave = say(interim + final)
    result = send(alone, "--json")
    assert (result.code, result.json["status"], result.json["failed"]) == (3, 200, 2)
    there.behave = say(interim + b"HTTP/1.1 500 No\r\n\r\n")
    assert send(alone).code == 69
    there.behave = say(interim)
    assert send(alone).code == 69


@pytest.mark.parametrize(
    "body",
    ['{"success": false}', '{"ok": false, "failed": 1}', '{"success": true, "ok": false}'],
)
def test_a_polite_no_is_a_failure(alone: Inside, there: Backend, body: str) -> None:
    """Status 200, and success is false."""
    there.behave = reply(200, body)
    result = send(alone)
    assert (result.code, "its content says that it failed" in result.err) == (1, True)


@pytest.mark.parametrize(
    ("behaviour", "code", "words"),
    [
        (reply(400), 1, "answered 400 Bad Request"),
        (reply(404), 1, "answered 404 Not Found"),
        (reply(401), 77, "answered 401 Unauthorized: it refused X-Cron-Secret from"),
        (reply(403), 77, "environment CRON_SECRET. Check that both sides have the same"),
        (reply(429, retry_after="120"), 69, "429 Too Many Requests (retry after 120 s)"),
        (reply(429, retry_after="\x1b[31mbad"), 69, "429 Too Many Requests; the next run"),
        (reply(500, '{"processed": 1}'), 69, "500 Internal Server Error; the next run tries again"),
        (reply(503), 69, "503 Service Unavailable"),
        (reply(599), 69, "answered 599;"),
        (say(b"HTTP/1.1 101 Switching\r\n\r\n"), 1, "answered 101 Switching Protocols"),
        (reply(304), 1, "answered 304 Not Modified"),
        (cut, 69, "gave no answer: connection reset by peer. What was sent may have arrived"),
        (say(b""), 69, "gave no answer: the connection was closed before it came"),
        (say(b"SSH-2.0-x\r\n"), 69, "the answer was not HTTP"),
        (say(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"), 69, "not HTTP, or was incomplete"),
        (say(b"HTTP/1.1 200 OK\r\n" + b"x" * 70000), 69, "gave no answer"),
    ],
)
def test_each_answer_has_its_code(
    alone: Inside, there: Backend, behaviour: Behaviour, code: int, words: str
) -> None:
    """One sentence with the status; sent once, whatever came."""
    there.behave = behaviour
    result = send(alone)
    assert (result.code, words in result.err) == (code, True), result.err
    assert len(there.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(alone: Inside, there: Backend, status: int) -> None:
    """It says where to, without what may be a secret there."""
    there.behave = reply(
        status, location="https://user:pa55word@other.example.com/login?token=t0ken"
    )
    result = send(alone)
    assert result.code == 1
    assert "points to https://" not in result.err  # with a user it is none of ours to repeat
    there.behave = reply(status, location="/login?token=t0ken")
    again = send(alone)
    assert f"which points to {there.url}/…; nothing was sent there" in again.err
    assert "t0ken" not in again.out + result.out + again.err + result.err
    assert "pa55word" not in result.out + result.err
    assert len(there.requests) == 2


@pytest.mark.parametrize(
    "behaviour",
    [silence, drip(b"HTTP/1.1 200 OK\r\nX: "), drip(b"HTTP/1.1 200 OK\r\n\r\n"), drip(b"")],
    ids=["silence", "headers", "body", "status"],
)
def test_there_is_a_limit_for_the_whole(
    alone: Inside, there: Backend, behaviour: Behaviour
) -> None:
    """Whether nothing comes, or a byte again and again."""
    there.behave = behaviour
    result = send(alone, "--timeout", "8s")
    assert (result.code, "it had not all come within 4 s" in result.err) == (69, True), result.err
    assert len(there.requests) == 1


def test_no_more_than_64_kib_are_read(alone: Inside, there: Backend) -> None:
    """Of an answer without end: it was a 2xx, and its figures are unknown."""
    there.behave = flood
    result = send(alone, "--json")
    assert (result.code, result.json["processed"]) == (0, None)
    assert result.json["warnings"] == [
        "the answer is longer than 64 KiB; its figures were not read"
    ]


def test_nobody_listens(alone: Inside, there: Backend) -> None:
    """69, and nothing was sent."""
    there.close()
    result = send(alone, "--timeout", "4s")
    assert result.code == 69
    assert "cannot be reached, and nothing was sent: connection refused" in result.err


def test_a_name_that_nobody_knows(alone: Inside) -> None:
    """69 as well; who is asked for it may take longer than there is time."""
    alone.env["BACKEND_URL"] = "https://nowhere.invalid"
    result = send(alone, "--timeout", "10s")
    reasons = ("its name is not known", "it took more than 5 s")
    assert result.code == 69
    assert any(f"nothing was sent: {reason}" in result.err for reason in reasons), result.err


def test_a_backend_that_is_just_starting_is_waited_for(maint: Maint) -> None:
    """Only a connection that did not come about is tried again."""
    (maint.folder / "maint.toml").write_text(CONFIG)
    there = Backend(behave=reply(200, '{"processed": 1}'))
    try:
        process = maint.start(
            "trigger",
            "pending",
            "--no-ledger",
            env={"BACKEND_URL": there.url, "CRON_SECRET": CANARY},
        )
        assert process.stderr is not None
        assert any("Trying again" in line for line in iter(process.stderr.readline, ""))
        there.listen()
        out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, "processed 1" in out) == (0, True), err
        assert len(there.requests) == 1
    finally:
        there.close()


def test_encryption_is_checked(tmp_path: Path, alone: Inside) -> None:
    """A certificate that nobody vouches for gets nothing; one that is trusted gets the secret."""
    context, file = certificate(tmp_path)
    with backend(context) as secure:
        alone.env["BACKEND_URL"] = secure.url
        result = send(alone)
        assert (result.code, "no certificate to be trusted" in result.err) == (69, True), result.err
        assert secure.requests == []
        alone.env["SSL_CERT_FILE"] = str(file)
        assert send(alone).code == 0
        assert secure.requests[0].headers["x-cron-secret"] == CANARY


def test_a_secret_does_not_go_over_an_open_line(alone: Inside, there: Backend) -> None:
    """Plain http:// to another machine is refused, unless it is said to be meant."""
    alone.env["BACKEND_URL"] = "http://192.0.2.1"
    result = send(alone, "--dry-run")
    assert (result.code, "allow-http = true" in result.err) == (78, True)
    config = alone.folder / "maint.toml"
    config.write_text(f"{CONFIG}allow-http = true\n")
    assert send(alone, "--dry-run").code == 0
    config.write_text(CONFIG.replace("cron-secret", "none"))
    assert send(alone, "--dry-run").code == 0
    assert there.requests == []


def test_basic_and_bearer(alone: Inside, there: Backend) -> None:
    """Each from its own variables, or from those that the trigger names."""
    config = alone.folder / "maint.toml"
    config.write_text(ADMIN)
    alone.env |= {"ADMIN_BASIC_USERNAME": "admin", "ADMIN_BASIC_PASSWORD": CANARY}
    result = alone("trigger", "cleanup", "--no-ledger", "-v")
    token = base64.b64encode(f"admin:{CANARY}".encode()).decode()
    assert there.requests[-1].headers["authorization"] == f"Basic {token}"
    assert CANARY not in result.out + result.err
    assert token not in result.out + result.err
    config.write_text(CONFIG.replace("cron-secret", "bearer"))
    alone.env["TRIGGER_TOKEN"] = CANARY
    assert send(alone).code == 0
    assert there.requests[-1].headers["authorization"] == f"Bearer {CANARY}"
    (alone.folder / "token").write_text(f"{CANARY}-file\n")
    config.write_text(f'{CONFIG}secret = "file:token"\n')
    assert send(alone).code == 0
    assert there.requests[-1].headers["x-cron-secret"] == f"{CANARY}-file"
    config.write_text(CONFIG.replace("cron-secret", "none"))
    assert send(alone).code == 0
    assert not {"authorization", "x-cron-secret"} & there.requests[-1].headers.keys()


def test_a_dry_run_sends_nothing(alone: Inside, there: Backend) -> None:
    """It needs no database, and says what would be sent, with which secret."""
    result = alone("trigger", "pending", "--dry-run")
    assert result.code == 0, result.err
    assert f"would send POST {there.url}/…" in result.out
    assert "with X-Cron-Secret from environment CRON_SECRET, and wait 55 s" in result.out
    assert there.requests == []


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"CRON_SECRET": None}, "needs the variable CRON_SECRET, which is not set"),
        ({"CRON_SECRET": " "}, "environment CRON_SECRET is blank"),
        ({"CRON_SECRET": f"{CANARY}\nX-Evil: 1"}, "a character that a header cannot carry"),
        ({"CRON_SECRET": f"{CANARY} ü"}, "a character that a header cannot carry"),
        ({"CRON_SECRET": "env:NOWHERE"}, "names a variable that is not set"),
        ({"BACKEND_URL": None}, "the variable BACKEND_URL in ${BACKEND_URL} is not set"),
        ({"BACKEND_URL": "ftp://x"}, "it is not an http:// or https:// URL"),
        ({"BACKEND_URL": "backend"}, "it is not an http:// or https:// URL"),
        ({"BACKEND_URL": "https://[x"}, "it is not a URL"),
        ({"BACKEND_URL": "https://x:99999999"}, "it is not a URL"),
        ({"BACKEND_URL": f"https://u:{CANARY}@h"}, "it holds a user or a password"),
        ({"BACKEND_URL": f"https://h/{CANARY} x"}, "it holds a blank"),
        ({"BACKEND_URL": f"https://{'a' * 70}"}, "its host is not a valid name"),
    ],
)
def test_what_is_not_set_up_is_one_sentence(
    alone: Inside, there: Backend, variables: dict[str, str | None], words: str
) -> None:
    """78, and nothing is sent."""
    for name, value in variables.items():
        alone.env.pop(name)
        if value is not None:
            alone.env[name] = value
    result = send(alone)
    assert (result.code, words in result.err) == (78, True), result.err
    assert there.requests == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Name the trigger; known: pending."),
        (("pendig",), "There is no trigger 'pendig'; did you mean pending?"),
        (("trigger-pending",), "did you mean pending?"),
        (("pending", "--database", "all"), "--database all would send trigger-pending once for"),
        (("pending", "--timeout", "0"), "--timeout"),
    ],
)
def test_wrong_usage(alone: Inside, there: Backend, arguments: tuple[str, ...], words: str) -> None:
    """2, before there is a run."""
    alone.env["DATABASE_URL"] = "postgresql://127.0.0.1:1/x"
    result = alone("trigger", *arguments)
    assert (result.code, words in result.err) == (2, True), result.err
    assert there.requests == []


def test_the_name_of_its_job_is_no_command(alone: Inside) -> None:
    """But leads to the one that is meant."""
    result = alone("trigger-pending")
    assert (result.code, "did you mean: maint trigger pending?" in result.err) == (2, True)


def test_without_a_database_it_wants_to_be_told_so(alone: Inside, there: Backend) -> None:
    """No lease and no history is somebody's decision."""
    result = alone("trigger", "pending")
    assert (result.code, "give --no-ledger" in result.err) == (78, True)
    assert there.requests == []


def test_without_the_toolkits_tables_nothing_is_sent(
    alone: Inside, there: Backend, bare_db: str
) -> None:
    """As any job: 78, and --no-ledger runs."""
    alone.env["DATABASE_URL"] = bare_db
    result = alone("trigger", "pending")
    assert (result.code, "maint db migrate" in result.err) == (78, True)
    assert there.requests == []


@pytest.fixture
def recorded(alone: Inside, db: str) -> Inside:
    """The command with a ledger."""
    alone.env["DATABASE_URL"] = db
    return alone


def test_it_is_a_job_like_any_other(recorded: Inside, there: Backend, conn: Conn) -> None:
    """In the ledger, list, status, history, readyz, run and pause, as trigger-NAME."""
    with (recorded.folder / "maint.toml").open("a") as file:
        file.write('schedule = "* * * * *"\n')
    there.behave = reply(200, '{"processed": 3}')
    assert recorded("trigger", "pending").code == 0
    row = conn.execute("SELECT job, outcome, counts->>'processed' FROM job_runs").fetchone()
    assert row == ("trigger-pending", "success", "3")
    (listed,) = [
        j for j in recorded("list", "--json").json["jobs"] if j["name"] == "trigger-pending"
    ]
    assert (listed["group"], listed["when"], listed["last_outcome"]) == (
        "Triggers",
        "every minute",
        "success",
    )
    assert "trigger-pending" in recorded("status").out
    checks = recorded("readyz", "--json").json["checks"]
    assert "trigger-pending" in {check["name"] for check in checks}
    times = recorded("schedule", "next", "--json").json["times"]
    (first, *_) = [time for time in times if time["entry"] == "trigger-pending"]
    assert (first["job"], first["when"]) == ("trigger-pending", "every minute")
    assert "maint trigger pending " in recorded("schedule", "next").out
    assert recorded("run", "trigger-pending").code == 0
    assert len(there.requests) == 2
    assert recorded("pause", "trigger-pending").code == 0
    skipped = recorded("trigger", "pending")
    assert (skipped.code, "skipped" in skipped.out) == (0, True)
    assert len(there.requests) == 2
    text = conn.execute("SELECT string_agg(r::text, '') FROM job_runs r").fetchone()
    assert CANARY not in str(text)


def test_what_keeps_no_ledger_is_not_missed_there(recorded: Inside, conn: Conn) -> None:
    """Its schedule is shown, and nobody waits for a run of it to be recorded."""
    conn.execute("UPDATE maint_migrations SET applied_at = now() - interval '1 day'")
    config = recorded.folder / "maint.toml"
    for options, expected in (("", True), ('options = ["--no-ledger"]\n', False)):
        config.write_text(f'{CONFIG}schedule = "* * * * *"\n{options}')
        jobs = {job["name"]: job for job in recorded("status", "--json").json["jobs"]}
        assert bool(jobs["trigger-pending"]["late_since"]) is expected
        assert ("trigger-pending" in recorded("readyz").out) is expected
        assert "trigger-pending" in recorded("schedule", "next").out
    (line,) = (one for one in recorded("status").out.splitlines() if "trigger-pending" in one)
    assert line.endswith("not expected")


def test_a_run_of_all_in_each_database_sends_none(recorded: Inside, there: Backend) -> None:
    """It would be sent once for each of them."""
    with (recorded.folder / "maint.toml").open("a") as file:
        file.write('schedule = "* * * * *"\n')
    result = recorded("run", "--all", "--database", "all", "--dry-run", "--json")
    assert "trigger-pending" not in result.out
    assert recorded("run", "trigger-pending", "--database", "all").code == 2
    assert there.requests == []


def test_one_at_a_time(recorded: Inside, maint: Maint, there: Backend, conn: Conn) -> None:
    """While the backend still works, another run is skipped."""
    there.behave = silence
    config = str(recorded.folder / "maint.toml")
    process = maint.start("trigger", "pending", "--config", config, env=recorded.env)
    _ = until(lambda: there.requests, "a request has come")
    second = recorded("trigger", "pending")
    assert (second.code, "skipped" in second.out) == (0, True)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 143
    assert "it may have arrived" in err
    assert len(there.requests) == 1
    outcomes = conn.execute("SELECT outcome FROM job_runs WHERE outcome <> 'skipped'").fetchall()
    assert outcomes == [("interrupted",)]


def test_the_process_list_never_shows_the_secret(maint: Maint, there: Backend) -> None:
    """Neither arguments nor anything else of /proc that others can read."""
    (maint.folder / "maint.toml").write_text(CONFIG)
    there.behave = silence
    process = maint.start(
        "trigger",
        "pending",
        "--no-ledger",
        env={"BACKEND_URL": there.url, "CRON_SECRET": CANARY},
    )
    _ = until(lambda: there.requests, "a request has come")
    line = Path(f"/proc/{process.pid}/cmdline")
    assert CANARY not in (line.read_text() if line.exists() else "")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert CANARY not in out + err
