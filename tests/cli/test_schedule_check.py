"""maint schedule check"""

import io
import json
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from errno import EACCES
from pathlib import Path
from shutil import copytree
from typing import Any

import psycopg
import pytest
import yaml

from maintcli import __version__
from maintcli.runtime.context import new_run_id
from tests.parts.enabled import at_home
from tests.parts.inside import Inside
from tests.parts.ledger import beat
from tests.parts.tools import fails, prints, tool

Conn = psycopg.Connection[tuple[Any, ...]]
ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "deploy" / "maint.toml"
TWO = ("cleanup-sessions", "cleanup-orphans")


def only(inside: Inside, more: str = "") -> None:
    """Two jobs that are enabled: one each five minutes, one each day."""
    sections = (f"[jobs.{name}]\n" for name in TWO)
    enabled = "".join(section for section in sections if section not in more)
    (inside.folder / "maint.toml").write_text(f"{more}{enabled}")


@pytest.fixture
def bare(inside: Inside) -> Inside:
    """Two jobs, and no database, in the repository of maint."""
    inside.env = {}
    at_home(inside.folder)
    only(inside)
    return inside


@pytest.fixture
def two(inside: Inside, conn: Conn) -> Inside:
    """Two jobs, and a ledger made two days ago, with its crontab rendered."""
    conn.execute("UPDATE maint_migrations SET applied_at = now() - interval '2 d'")
    only(inside)
    assert inside("schedule", "render", "--target", "crontab", "--write").code == 0
    return inside


def kinds(found: Mapping[str, Any]) -> set[tuple[str, str, str]]:
    """Kind, place and key of each finding."""
    return {(one["kind"], one["place"], one["key"]) for one in found["findings"]}


def ran(inside: Inside, conn: Conn, job: str, *ago: str, origin: str = "cron") -> None:
    """Runs of `job` with the configuration that is in force, so long ago."""
    from maintcli.config.load import load

    config = load(environ=inside.env, cwd=inside.folder)
    for one in ago:
        conn.execute(
            "INSERT INTO job_runs (run_id, job, outcome, exit_code, origin, host, runner_id,"
            " version, config_hash, parameters, lease_token, started_at, finished_at)"
            " SELECT %s, %s, 'success', 0, %s, 'h', 'r', %s, %s, '{}', 1, now() - %s::interval,"
            " now() - %s::interval + '1 s'",
            [new_run_id(), job, origin, __version__, config.hash, one, one],
        )


def test_this_repository_is_as_rendered(inside: Inside, tmp_path: Path) -> None:
    """Every committed file of every scheduler; no database is asked."""
    inside.folder = tmp_path / "copy"
    inside.env = {}
    for name in ("deploy", ".github"):
        copytree(ROOT / name, inside.folder / name)
    at_home(inside.folder)
    result = inside("schedule", "check", "--config", "deploy/maint.toml", "--json")
    assert (result.code, result.err) == (0, "")
    places = [f"{one} files" for one in ("crontab", "github", "kubernetes", "systemd", "railway")]
    assert result.json["looked_at"] == [*places, "render files"]
    assert result.json["drift"] is False
    assert not [one for one in result.json["findings"] if one["drift"]]


def test_files_that_are_otherwise_are_drift(bare: Inside) -> None:
    """Stale, missing, left over: each with its file; and exit code 1."""
    assert bare("schedule", "render", "--write").code == 0
    result = bare("schedule", "check")
    assert (result.code, result.err) == (0, "")
    assert result.out.endswith("render files.\nAll agree.\n")
    assert "Run history not checked: No database is configured." in result.out
    deploy = bare.folder / "deploy"
    crontab = deploy / "crontab.example"
    crontab.write_text(crontab.read_text().replace("*/5 *", "*/6 *"))
    (deploy / "systemd" / "maint-cleanup-orphans.timer").unlink()
    only(bare, '[jobs.cleanup-orphans]\ntimeout = "7m"\n[jobs.cleanup-sessions]\nenabled = false\n')
    result = bare("schedule", "check", "--json")
    assert result.code == 1
    assert kinds(result.json) >= {
        ("stale", "crontab files", "crontab.example"),
        ("missing", "systemd files", "maint-cleanup-orphans.timer"),
        ("stale", "systemd files", "maint-cleanup-orphans.service"),
        ("foreign", "systemd files", "maint-cleanup-sessions.timer"),
        ("stale", "kubernetes files", "cleanup-orphans.yaml"),
    }
    text = bare("schedule", "check").out
    assert "\nstale    kubernetes files  cleanup-orphans.yaml " in text
    assert re.search(r"cleanup-orphans.yaml +line \d+ is '\S+: \d+.*', and would be '", text), text
    assert bare("schedule", "render", "--write").code == 0
    assert bare("schedule", "check").code == 0


def test_only_what_is_used_is_expected(bare: Inside) -> None:
    """Another scheduler's files are missed when it is named; a workflow of other hands is none."""
    workflow = bare.folder / ".github" / "workflows" / "maintenance.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text("name: mine\n")
    bare("schedule", "render", "--write", "--target", "crontab")
    assert bare("schedule", "check", "--json").json["looked_at"] == ["crontab files"]
    result = bare("schedule", "check", "--target", "render", "--json")
    assert (result.code, kinds(result.json)) == (1, {("missing", "render files", "render.yaml")})
    result = bare("schedule", "check", "--target", "crontab", "--output", "there", "--json")
    assert kinds(result.json) == {("missing", "crontab files", "crontab.example")}
    bare("schedule", "render", "--target", "crontab", "--output", "there", "--user", "www")
    place = ("--target", "crontab", "--output", "there")
    assert bare("schedule", "check", *place, "--user", "www").code == 0
    assert bare("schedule", "check", *place, "--user", "other").code == 1


def test_what_cannot_be_said_is_no_drift(bare: Inside) -> None:
    """It is noted, once for the file and the crontab that is in force."""
    only(bare, '[jobs.cleanup-orphans]\ntimezone = "Europe/Berlin"\n')
    bare("schedule", "render", "--write", "--target", "crontab")
    file = "deploy/crontab.example"
    result = bare("schedule", "check", "--target", "crontab", "--deployed", file, "--json")
    assert result.code == 0
    assert [one["kind"] for one in result.json["findings"]] == ["noted"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "There is nothing to compare the schedule with: no rendered file is here, and no"),
        (("--target", "cron"), "--target: there is no cron; did you mean crontab?"),
        (("--ask",), "Name the scheduler: --target crontab|github|"),
        (("--output", "x"), "Name the scheduler: --target crontab|github|"),
        (("--target", "crontab", "--ask", "--deployed", "-"), "two ways to the same; leave out"),
        (("--target", "render", "--ask"), "--ask: render has no tool that prints a schedule"),
        (
            ("--target", "crontab", "--deployed", "x"),
            "--deployed: 'x' cannot be read: No such file",
        ),
        (("--target", "crontab", "--deployed", "."), "--deployed: '.' cannot be read: Is a direct"),
        (("--target", "kubernetes", "--deployed", "maint.toml"), "--deployed maint.toml: "),
        (("--target", "github", "--deployed", "broken"), "--deployed broken: "),
        (("--target", "crontab", "--deployed", "binary"), "cannot be read: it is not UTF-8."),
    ],
)
def test_wrong_usage(bare: Inside, arguments: tuple[str, ...], sentence: str) -> None:
    """One sentence, and 2."""
    (bare.folder / "broken").write_text('{"message": "Not Found"')
    (bare.folder / "binary").write_bytes(b"\xff\xfe")
    result = bare("schedule", "check", *arguments)
    assert (result.code, result.out) == (2, "")
    assert sentence in result.err
    assert result.err.count("\n") == 1


def test_standard_input_will_do(bare: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    """`crontab -l | maint schedule check --target crontab --deployed -`"""
    crontab = bare("schedule", "render", "--target", "crontab").out
    arguments = ("schedule", "check", "--target", "crontab", "--deployed", "-", "--json")
    monkeypatch.setattr(sys, "stdin", io.StringIO(crontab))
    assert bare(*arguments).code == 0
    monkeypatch.setattr(sys, "stdin", io.StringIO(crontab.replace("0 4 * * *", "0 5 * * *")))
    result = bare(*arguments)
    assert result.code == 1
    assert kinds(result.json) == {("changed", "crontab deployed", "cleanup-orphans")}


def asked(bare: Inside, target: str, env: Mapping[str, str], *more: str) -> tuple[int, Any, str]:
    """Exit code, findings, and what was said on standard error."""
    result = bare("schedule", "check", "--target", target, "--ask", "--json", *more, env=env)
    return result.code, kinds(json.loads(result.out)), result.err


def test_cron_is_asked(bare: Inside) -> None:
    """By crontab -l; a user without a crontab has none, and that is an answer."""
    text = bare("schedule", "render", "--target", "crontab").out
    folder = bare.folder / "bin"
    assert asked(bare, "crontab", tool(folder, "crontab", {"-l": prints(text)})) == (0, set(), "")
    env = tool(folder, "crontab", {"-l": fails("no crontab for root")})
    code, found, _ = asked(bare, "crontab", env)
    assert code == 1
    assert found == {("missing", "crontab deployed", job) for job in TWO}
    env = tool(folder, "crontab", {"-l": fails("You (x) are not allowed to use this program")})
    code, found, said = asked(bare, "crontab", env)
    assert (code, found) == (69, set())
    assert said.startswith(
        "maint: The command 'crontab -l' did not answer: You (x) are not allowed"
    )


def test_a_folder_that_only_root_may_read_is_said(
    bare: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/etc/cron.d is such a one where a system was hardened."""
    text = bare("schedule", "render", "--target", "crontab").out
    env = tool(bare.folder / "bin", "crontab", {"-l": prints(text)})

    def denied(path: Path) -> Iterator[Path]:
        raise PermissionError(EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", denied)
    code, found, said = asked(bare, "crontab", env)
    assert (code, found) == (77, set())
    assert "maint: /etc/cron.d cannot be read: Permission denied." in said


def test_kubernetes_is_asked(bare: Inside) -> None:
    """In the namespace that is named."""
    bare("schedule", "render", "--target", "kubernetes", "--output", "base")
    items = [yaml.safe_load((bare.folder / "base" / f"{one}.yaml").read_text()) for one in TWO]
    text = json.dumps({"kind": "List", "items": items})
    folder = bare.folder / "bin"
    words = "--namespace jobs get cronjobs --output json"
    env = tool(folder, "kubectl", {words: prints(text)})
    assert asked(bare, "kubernetes", env, "--namespace", "jobs") == (0, set(), "")
    items[0]["spec"]["suspend"] = True
    env = tool(folder, "kubectl", {"get": prints(json.dumps({"kind": "List", "items": items}))})
    name = items[0]["metadata"]["name"]
    assert asked(bare, "kubernetes", env) == (1, {("off", "kubernetes deployed", name)}, "")


def test_systemd_is_asked(bare: Inside) -> None:
    """For every unit that is called as ours are, and which timers are on."""
    bare("schedule", "render", "--target", "systemd", "--output", "units")
    texts = {path.name: path.read_text() for path in (bare.folder / "units").iterdir()}
    cat = "\n".join(f"# /etc/systemd/system/{name}\n{text}" for name, text in texts.items())
    listed = "".join(f"{name} enabled enabled\n" for name in texts)
    shown = "\n".join(
        f"Id=maint-{job}.timer\nActiveState=active\nUnitFileState=enabled\n" for job in TWO
    )
    answers = {"list-unit-files": prints(listed), " cat ": prints(cat), " show ": prints(shown)}
    folder = bare.folder / "bin"
    assert asked(bare, "systemd", tool(folder, "systemctl", answers)) == (0, set(), "")
    answers[" show "] = prints(shown.replace("active", "inactive", 1))
    code, found, _ = asked(bare, "systemd", tool(folder, "systemctl", answers))
    assert (code, {kind for kind, _, _ in found}) == (1, {"off"})
    code, found, _ = asked(
        bare, "systemd", tool(folder, "systemctl", {"list-unit-files": "exit 1"})
    )
    assert (code, {kind for kind, _, _ in found}) == (1, {"missing"})


GITHUB = "repos/{owner}/{repo}/actions"
NOT_FOUND = "printf '{\"message\":\"Not Found\"}'; echo 'gh: Not Found (HTTP 404)' >&2; exit 1"
FORBIDDEN = fails("gh: Resource not accessible by integration (HTTP 403)")


def test_github_is_asked(bare: Inside) -> None:
    """For the state of the workflow, its file, and the variable, also of the organisation."""
    from base64 import b64encode

    text = bare("schedule", "render", "--target", "github").out
    active = {"state": "active", "path": ".github/workflows/maintenance.yml"}
    answers = {
        f"{GITHUB}/workflows/maintenance.yml": prints(json.dumps(active)),
        "contents/": prints(json.dumps({"content": b64encode(text.encode()).decode()})),
        f"{GITHUB}/variables/": prints('{"name": "MAINT_ENABLED", "value": "true"}'),
        f"{GITHUB}/organization": NOT_FOUND,
    }
    folder = bare.folder / "bin"

    def found(**changes: str) -> tuple[int, set[str], str]:
        names = {"state": 0, "variable": 2, "organization": 3}
        keys = [*answers]
        changed = answers | {keys[names[name]]: script for name, script in changes.items()}
        code, kinds_, err = asked(bare, "github", tool(folder, "gh", changed))
        return code, {kind for kind, _, _ in kinds_}, err

    assert found() == (0, set(), "")
    assert found(state=prints('{"state": "disabled_inactivity"}'))[:2] == (1, {"off"})
    assert found(state=NOT_FOUND)[:2] == (1, {"missing"})
    assert found(variable=NOT_FOUND)[:2] == (1, {"off"})
    shared = prints('{"variables": [{"name": "MAINT_ENABLED", "value": "true"}]}')
    assert found(variable=NOT_FOUND, organization=shared)[:2] == (0, set())
    assert found(variable=FORBIDDEN)[:2] == (0, {"noted"})
    code, none, err = found(state=fails("To get started, please run: gh auth login", 4))
    assert (code, none) == (69, set())
    assert "did not answer: To get started, please run: gh auth login." in err


@pytest.mark.parametrize(
    ("script", "code", "sentence"),
    [
        (prints("garbage"), 69, "did not answer: what it printed is no JSON object."),
        (prints('{"kind": "Pod"}'), 69, "did not answer: it holds no CronJob;"),
        (fails("error: You must be logged in to the server (Unauthorized)"), 69, "(Unauthorized)."),
        ("exit 3", 69, "did not answer: it ended with 3."),
        ("kill -9 $$", 69, "did not answer: it ended with -9."),
        ("yes '\U0001f600'", 69, "did not answer: it printed more than 16 MiB."),
        ("sleep 3600 & wait", 69, "did not answer: it took longer than 0.2 s."),
        (None, 78, "kubectl is needed for that and cannot be run: it is not installed."),
    ],
)
def test_a_tool_that_gives_no_answer(
    bare: Inside, monkeypatch: pytest.MonkeyPatch, script: str | None, code: int, sentence: str
) -> None:
    """One sentence on standard error, the right code, and what else was looked at all the same."""
    from maintcli.cli import scheduler_cli

    if script is not None and "sleep" in script:
        monkeypatch.setattr(scheduler_cli.run_tool, "__kwdefaults__", {"seconds": 0.2})
    bare("schedule", "render", "--target", "kubernetes", "--write")
    answers = {} if script is None else {"get": script}
    env = tool(bare.folder / "bin", "kubectl" if answers else "other", answers)
    if script is None:
        env = {"PATH": str(bare.folder / "bin")}
    result = bare("schedule", "check", "--target", "kubernetes", "--ask", env=env)
    assert result.code == code
    assert sentence in result.err
    assert result.err.count("\n") == 1
    assert result.out.endswith("Looked at: kubernetes files.\nWhat could be looked at agrees.\n")


def test_the_ledger_is_looked_at(two: Inside, conn: Conn) -> None:
    """What came in time is fine, what never came or is late is drift; paused is said."""
    result = two("schedule", "check", "--json")
    assert result.json["looked_at"] == ["crontab files", "ledger"]
    assert (result.code, kinds(result.json)) == (
        1,
        {("never ran", "ledger", job) for job in TWO},
    )
    ran(two, conn, "cleanup-orphans", "1 s", "2 d")
    ran(two, conn, "cleanup-sessions", "1 s", "2 d")
    result = two("schedule", "check", "--json")
    assert (result.code, result.json["findings"]) == (0, [])
    conn.execute("DELETE FROM job_runs WHERE started_at > now() - interval '1 h'")
    result = two("schedule", "check", "--json")
    assert (result.code, kinds(result.json)) == (1, {("late", "ledger", job) for job in TWO})
    for job in TWO:
        beat(conn, job, paused_at=datetime.now(UTC), paused_by="me")
    result = two("schedule", "check")
    assert result.code == 0
    assert "\npaused   ledger  cleanup-orphans   paused since " in result.out
    assert two("schedule", "check", "--no-ledger", "--json").json["looked_at"] == ["crontab files"]


def test_two_schedulers_are_seen(two: Inside, conn: Conn) -> None:
    """By the origins of one job's runs, which alternate."""
    ran(two, conn, "cleanup-orphans", "1 s")
    ran(two, conn, "cleanup-sessions", "1 s", "5 min", "10 min")
    ran(two, conn, "cleanup-sessions", "2 s", "6 min", origin="kubernetes")
    result = two("schedule", "check", "--json")
    assert result.code == 1
    (found,) = result.json["findings"]
    assert (found["kind"], found["key"]) == ("two schedulers", "cleanup-sessions")
    assert all(f"{name} (" in found["what"] for name in ("cron", "kubernetes"))


def test_a_job_that_was_declared_just_now_is_not_expected(two: Inside, conn: Conn) -> None:
    """The first run with this configuration says from when on."""
    ran(two, conn, "cleanup-sessions", "1 s", "2 d")
    with (two.folder / "maint.toml").open("a") as file:
        file.write('[sweeps.old]\ntable = "t"\ncolumn = "at"\nkeep = "1d"\nevery = "5m"\n')
    two("schedule", "render", "--target", "crontab", "--write")
    ran(two, conn, "cleanup-orphans", "1 s")
    result = two("schedule", "check", "--json")
    assert (result.code, result.json["findings"]) == (0, [])


def test_a_schedule_that_nothing_has_started_yet_says_so(inside: Inside, conn: Conn) -> None:
    """As long as nothing is overdue that is no drift, and still no proof that cron comes."""
    conn.execute("UPDATE maint_migrations SET applied_at = now()")
    only(inside)
    result = inside("schedule", "check")
    assert result.code == 0
    assert "no scheduler has started one yet; none is overdue" in " ".join(result.out.split())
    assert result.out.endswith(
        "No rendered file is here. To ask a scheduler what it has: --target NAME --ask.\n"
        "Looked at: ledger.\nAll agree.\n"
    )


def test_what_leaves_no_trace_is_not_expected(two: Inside, conn: Conn) -> None:
    """A dry run, one without a ledger, one in another database."""
    ran(two, conn, "cleanup-orphans", "1 s")
    quiet = '[databases.tenant]\nurl = "env:X"\n[jobs.cleanup-sessions]\noptions = "{}"\n'
    for options in ("--dry-run", "--no-ledger", "--database tenant"):
        only(two, quiet.format(options))
        two("schedule", "render", "--target", "crontab", "--write")
        result = two("schedule", "check", "--json")
        assert (result.code, kinds(result.json)) == (
            0,
            {("noted", "ledger", "this version and configuration")},
        )
    only(two, quiet.format("--database all"))
    two("schedule", "render", "--target", "crontab", "--write")
    ran(two, conn, "cleanup-orphans", "2 d")
    result = two("schedule", "check", "--json")
    assert kinds(result.json) == {("never ran", "ledger", "cleanup-sessions")}


def test_a_ledger_that_was_wanted_and_does_not_answer_counts(two: Inside, bare_db: str) -> None:
    """Not reachable is 69, without tables 78; drift of the files is 1 nevertheless."""
    gone = "postgresql://127.0.0.1:1/none"
    result = two("schedule", "check", env={"DATABASE_URL": gone})
    assert (result.code, result.out) == (
        69,
        (
            "Run history could not be checked; --no-ledger leaves it out.\n"
            "Looked at: crontab files.\nWhat could be looked at agrees.\n"
        ),
    )
    assert result.err.startswith("maint: The database cannot be reached: ")
    result = two("schedule", "check", "--json", env={"DATABASE_URL": bare_db})
    assert result.code == 78
    assert result.json["problems"][0]["place"] == "ledger"
    assert "maint db migrate" in result.json["problems"][0]["message"]
    with (two.folder / "maint.toml").open("a") as file:
        file.write('[database]\nurl = "env:NOT_SET"\n')
    two.env = {}
    assert two("schedule", "render", "--target", "crontab", "--write").code == 0
    result = two("schedule", "check")
    assert (result.code, "NOT_SET" in result.err) == (78, True)
    assert "Looked at: crontab files." in result.out
    with (two.folder / "deploy" / "crontab.example").open("a") as file:
        file.write("# more\n")
    assert two("schedule", "check", env={"DATABASE_URL": gone}).code == 1
