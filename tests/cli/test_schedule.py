"""maint schedule render and next"""

import re
import shlex
import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from maintcli import registry
from maintcli.schedules.targets import TARGETS
from tests.parts.enabled import at_home, enable
from tests.parts.inside import Inside
from tests.parts.ledger import Conn
from tests.schedules.readers import Stated, read

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "deploy" / "maint.toml"
BERLIN = '[jobs.cleanup-sessions]\nschedule = "7 9 * * *"\ntimezone = "Europe/Berlin"\n'


ON = "[jobs.cleanup-sessions]\n"
SWEEP = '[sweeps.old-mail]\ntable = "m"\ncolumn = "at"\nkeep = "14d"\nevery = "1d"\n'
ALL = "".join(f"[jobs.{name}]\n" for name in registry.JOBS)


def write(inside: Inside, text: str) -> None:
    """Make that the maint.toml."""
    (inside.folder / "maint.toml").write_text(text)


@pytest.fixture
def every(inside: Inside) -> Inside:
    """Every built-in job is enabled, in the repository of maint."""
    write(inside, ALL)
    at_home(inside.folder)
    return inside


def files(folder: Path) -> dict[str, str]:
    """Everything below `folder`."""
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("target", TARGETS)
def test_the_committed_files_are_rendered(inside: Inside, target: str) -> None:
    """Else: maint schedule render --write --config deploy/maint.toml"""
    at_home(inside.folder)
    here = Path("deploy/maint.toml")
    (inside.folder / here).parent.mkdir()
    (inside.folder / here).write_text(REFERENCE.read_text())
    result = inside("schedule", "render", "--write", "--target", target, "--config", str(here))
    assert result.code == 0, result.err
    made = files(inside.folder)
    del made["pyproject.toml"]
    assert made
    for name, text in made.items():
        assert (ROOT / name).read_text() == text, name


@pytest.mark.parametrize("target", ["kubernetes", "railway", "systemd"])
def test_no_committed_file_is_left_over(inside: Inside, target: str) -> None:
    """Of a job that is rendered no longer."""
    at_home(inside.folder)
    inside("schedule", "render", "--write", "--target", target, "--config", str(REFERENCE))
    folder = Path("deploy") / target
    assert files(ROOT / folder).keys() == files(inside.folder / folder).keys()


def test_a_job_without_a_schedule_is_not_left_out_in_silence(inside: Inside) -> None:
    """One note on standard error, which --strict lets pass; none where an entry starts it."""
    sweep = SWEEP.replace('every = "1d"\n', "")
    write(inside, ON + sweep)
    note = (
        "maint: old-mail is enabled and has no schedule, so it runs by hand alone; to schedule it,"
        ' write every = "1d" under [sweeps.old-mail] in maint.toml.\n'
    )
    result = inside("schedule", "render", "--target", "crontab", "--strict")
    assert (result.code, result.err.count(note), "old-mail" in result.out) == (0, 1, False)
    assert note not in inside("schedule", "render", "--target", "crontab", "cleanup-sessions").err
    write(inside, sweep)
    alone = inside("schedule", "render", "--target", "crontab")
    assert (alone.code, note in alone.err) == (2, True)
    write(inside, f'{sweep}[[schedules]]\nname = "x"\njob = "old-mail"\nevery = "1d"\n')
    assert note not in inside("schedule", "render", "--target", "crontab").err


@pytest.mark.parametrize("target", ["crontab", "systemd"])
@pytest.mark.parametrize(
    ("config", "variables", "found"),
    [
        ((), (), "/etc/maint/maint.toml"),
        ((), ("--variables", "/srv/my jobs/.env"), "/srv/my jobs/maint.toml"),
        (("--config", "maint.toml"), ("--variables", "/srv/.env"), "/srv/maint.toml"),
        (("--config", "{here}/maint.toml"), ("--variables", "/srv/.env"), "{here}/maint.toml"),
    ],
)
def test_a_job_finds_the_settings_wherever_it_is_started(
    inside: Inside, target: str, config: tuple[str, ...], variables: tuple[str, ...], found: str
) -> None:
    """As named, if by a whole path; else beside the variables, whatever machine renders."""
    write(inside, ON)
    given = [word.format(here=inside.folder) for word in config]
    out = inside("schedule", "render", "--target", target, *given, *variables).out
    path = found.format(here=inside.folder)
    assert (f"--config {shlex.quote(path)} --env" in out) is (target == "crontab")
    assert (f"MAINT_CONFIG={path}" in out) is (target == "systemd")
    (inside.folder / "maint.toml").unlink()
    without = inside("schedule", "render", "--target", target, "cleanup-sessions", *variables)
    assert without.code == 0
    assert "/maint.toml" not in without.out


def test_standard_output_is_the_file(every: Inside) -> None:
    """So that `maint schedule render … | crontab -` works; what is said goes elsewhere."""
    result = every("schedule", "render", "--target", "crontab", "--mailto", "ops@example.com")
    assert result.code == 0
    found = read("crontab", {"-": result.out})
    assert Stated("cleanup-sessions", "cleanup-sessions", ("*/5 * * * *",)) in found
    assert "\nMAILTO=ops@example.com\n" in result.out
    assert every("schedule", "render", "--target", "crontab", "--output", "-").out != ""


def test_several_files_are_named(every: Inside) -> None:
    """On standard output by a comment; below a folder by themselves, and only once."""
    text = every("schedule", "render", "--target", "systemd").out
    assert "# ==> maint-cleanup-sessions.timer <==\n" in text
    result = every("schedule", "render", "--target", "systemd", "--output", "a/b")
    assert result.code == 0
    assert result.out == ""
    assert "maint: wrote a/b/maint-cleanup-sessions.timer\n" in result.err
    assert files(every.folder)["a/b/maint-cleanup-sessions.timer"] in text
    again = every("schedule", "render", "--target", "systemd", "--output", "a/b")
    assert "wrote" not in again.err


def test_what_is_left_out_is_said(inside: Inside) -> None:
    """On standard error, with the nearest; --strict refuses with 65 and writes nothing."""
    write(inside, BERLIN)
    result = inside("schedule", "render", "--target", "crontab", "--output", "there")
    assert result.code == 0
    assert result.err.startswith(
        "maint: crontab: cleanup-sessions: its times in Europe/Berlin cannot"
    )
    assert 'have timezone = "UTC", for it or under [schedule] for all, or let sys' in result.err
    result = inside("schedule", "render", "--target", "crontab", "--output", "other", "--strict")
    assert (result.code, result.out) == (65, "")
    assert "--strict: nothing was written. crontab: cleanup-sessions: its times in" in result.err
    assert not (inside.folder / "other").exists()
    result = inside(
        "schedule", "render", "--target", "crontab", "--strict", "--zone", "Europe/Berlin"
    )
    assert (result.code, result.err) == (0, "")
    assert "\n7 9 * * * /usr/local/bin/maint cleanup-sessions " in result.out


IDLE = ("cleanup-queues", "retention-cleanup")  # until maint.toml says what they work on


@pytest.mark.parametrize(("target", "lines"), [("crontab", 1), ("systemd", 1), ("github", 2)])
def test_the_schedules_that_jobs_bring_make_little_noise(
    every: Inside, target: str, lines: int
) -> None:
    """A line that says how to have minutes of one's own, and for GitHub what to know of it."""
    write(every, enable(*(job for job in registry.JOBS if job not in IDLE)))
    result = every("schedule", "render", "--target", target, "--strict")
    assert result.code == 0
    found = result.err.splitlines()
    assert len(found) == lines
    assert all(line.startswith("maint: advice: ") for line in found)
    assert 'write H for the minute, as in schedule = "H/5 * * * *"' in result.err
    assert "advice" not in result.out


def test_advice_is_taken(inside: Inside) -> None:
    """Then none is left."""
    write(inside, '[jobs.cleanup-sessions]\nschedule = "H/5 * * * *"\n')
    result = inside("schedule", "render", "--target", "crontab")
    assert (result.code, result.err) == (0, "")


@pytest.mark.parametrize("target", ["github", "railway", "render"])
@pytest.mark.parametrize(
    ("text", "is_said"),
    [
        ("[jobs.cleanup-sessions]\nstale-after = '2m'\n", True),
        (f"{ON}[tables.jobs]\nname = 'work.jobs'\n", True),
        (f"max-concurrent-jobs = 2\n{ON}", True),
        ("[jobs.cleanup-sessions]\nevery = '10m'\ntimezone = 'Asia/Tokyo'\n", False),
        (f"{ON}[schedule]\nuser = 'x'\n", False),
    ],
)
def test_settings_that_a_run_would_not_find_are_said(
    inside: Inside,
    target: str,
    text: str,
    is_said: bool,  # noqa: FBT001
) -> None:
    """These start from the root of a repository, and with the maint.toml there."""
    (inside.folder / "other.toml").write_text(text)
    source = ("--action", ACTION) if target == "github" else ("--install", "maintcli==1.0")
    result = inside("schedule", "render", "--target", target, "--config", "other.toml", *source)
    line = (
        f"maint: {target}: maint.toml: the jobs read maint.toml at the root of the repository, no"
    )
    assert (line in result.err) == is_said
    assert ("# Note: maint.toml: the jobs read maint.toml at the root" in result.out) == is_said
    at_home(inside.folder)
    strict = inside("schedule", "render", "--target", target, "--config", "other.toml", "--strict")
    assert (strict.code == 65) == is_said
    write(inside, text)
    result = inside("schedule", "render", "--target", target, "--strict", *source)
    assert (result.code, "not maint.toml" in result.err) == (0, False)


def test_each_may_be_for_one_database(inside: Inside) -> None:
    """--database goes into every command that names none."""
    text = '[databases.tenant]\nurl = "env:TENANT"\n[jobs.cleanup-orphans]\n'
    text += f'{ON}options = "--database=x"\n'
    write(inside, text)
    result = inside("schedule", "render", "--target", "crontab", "--database", "tenant")
    found = {one.key: one.options for one in read("crontab", {"-": result.out})}
    assert found["cleanup-orphans"] == ("--database", "tenant")
    assert found["cleanup-sessions"] == ("--database=x",)


SESSIONS = "cleanup-sessions"
ENTRY = '[[schedules]]\njob = "cleanup-orphans"\nname = "often"\nevery = "1h"\n'
ACTION = "o/maint@0123456789012345678901234567890123456789"
PLACE = f"""
[schedule]
command = "/opt/${{WHERE}}/maint"
variables = "/etc/other"
mailto = "ops@example.com"
user = "jobs"
zone = "Asia/Tokyo"
image = "ghcr.io/o/maint:1"
namespace = "upkeep"
secret = "its-url"
action = "{ACTION}"
"""


def test_the_place_is_said_once(inside: Inside) -> None:
    """[schedule] says it for all targets, and the Job that is made once; a flag is stronger."""
    write(inside, ON + PLACE)
    inside.env["WHERE"] = "there"
    crontab = inside("schedule", "render", "--target", "crontab", "--user", "other").out
    paths = "--config /etc/maint.toml --env-file /etc/other"
    line = f"other /opt/there/maint cleanup-sessions --quiet {paths}\n"
    assert line in crontab
    assert "\nMAILTO=ops@example.com\n" in crontab
    assert "All times are Asia/Tokyo," in crontab
    assert f"uses: {ACTION}\n" in inside("schedule", "render", "--target=github").out
    once = inside("schedule", "run-now", "cleanup-sessions", "--namespace", "elsewhere").out
    assert "image: ghcr.io/o/maint:1\n" in once
    assert "name: its-url\n" in once
    assert "namespace: elsewhere\n" in once
    rows = inside("config", "show", "--json").json["settings"]
    assert {"section": "schedule", "key": "user", "value": "jobs"}.items() <= next(
        row for row in rows if (row["section"], row["key"]) == ("schedule", "user")
    ).items()


def test_one_zone_may_be_that_of_all_schedules(inside: Inside) -> None:
    """Where they name none; so a crontab by a local clock has all of them."""
    zones = '[schedule]\ntimezone = "Asia/Tokyo"\nzone = "Asia/Tokyo"\n'
    write(inside, f"{zones}{BERLIN}[jobs.cleanup-old-sessions]\n{ENTRY}")
    found = inside("schedule", "next", "--count", "100", "--json").json["times"]
    zones = {one["entry"]: one["timezone"] for one in found}
    assert zones.pop("cleanup-sessions") == "Europe/Berlin"
    assert set(zones.values()) == {"Asia/Tokyo"}
    assert "often" in zones
    crontab = inside("schedule", "render", "--target", "crontab")
    assert "\n0 2 * * * /usr/local/bin/maint cleanup-old-sessions " in crontab.out
    assert crontab.out.count("left out: ") == 1


def test_a_workflow_may_be_for_hands_alone(every: Inside) -> None:
    """All is there, and nothing starts by itself: for a repository without a database."""
    by_hand = every("schedule", "render", "--target", "github", "--start", "by-hand").out
    by_itself = every("schedule", "render", "--target", "github").out
    assert '\n  # schedule:\n  #   - cron: "*/5 * * * *"  # cleanup-sessions\n' in by_hand
    whole, more = (
        {re.sub(r"^  # ", "  ", x) for x in t.splitlines()} for t in (by_itself, by_hand)
    )
    assert whole < more
    (found,) = [one for one in read("github", {"-": by_hand}) if one.key == SESSIONS]
    assert found == Stated(SESSIONS, SESSIONS, ())


def test_a_run_needs_no_variable_of_the_place(inside: Inside) -> None:
    """It is rendered elsewhere than it runs; rendering says which variable is missing."""
    write(inside, ON + PLACE)
    assert inside("cleanup-sessions").code == 0
    result = inside("schedule", "render", "--target", "crontab")
    assert (result.code, result.out) == (78, "")
    assert "maint.toml [schedule] command: " in result.err
    assert "WHERE" in result.err


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[schedule]\nzon = 'UTC'", "maint.toml [schedule]: unknown key zon; did you mean zone?"),
        ("[schedule]\nuser = 5", "maint.toml [schedule] user: it is a number and must be text"),
        ("[schedule]\nuser = ''", "maint.toml [schedule] user: it is blank; give it a value or"),
        ("[schedule]\nuser = 'a b'", "maint.toml [schedule] user: 'a b' has a blank in it."),
        ("[schedule]\ncommand = 'maint'", "[schedule] command: 'maint' is relative; a scheduler"),
        (
            "[schedule]\nstart = 'hand'",
            "[schedule] start: there is no 'hand'; did you mean by-hand?",
        ),
        ("[schedule]\ntimezone = 'Mars'", "[schedule] timezone: 'Mars' is not a time zone; write"),
        *(
            (f"[schedule]\nzone = '{name}'", f"[schedule] zone: '{name}' is not a time zone; ")
            for name in ("localtime", "posixrules", "Factory", "right/Asia/Tokyo", "posix/UTC")
        ),
        (
            "[schedule]\nzone = 'Berlin'",
            "[schedule] zone: 'Berlin' is not a time zone; did you mean",
        ),
        ("[[schedule]]\nname = 'x'", "schedule: an entry stands under [[schedules]], with an s."),
        ("schedule = 'x'", "maint.toml schedule: it is text and must be a table: [schedule]"),
    ],
)
def test_a_place_that_will_not_do(inside: Inside, text: str, sentence: str) -> None:
    """One sentence that says where, and 78."""
    write(inside, text)
    result = inside("schedule", "render", "--target", "crontab")
    assert (result.code, result.out) == (78, "")
    assert sentence in result.err
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "Name the scheduler: --target crontab|github|kubernetes|systemd|railway|render."),
        (("--target", "cron"), "--target: there is no cron; did you mean crontab?"),
        (("--write", "--output", "x"), "--write picks the folder itself; leave out --output."),
        (
            ("--target", "crontab", "--command", "maint"),
            "--command: 'maint' is relative; a schedul",
        ),
        (("--target", "crontab", "--mailto", "a\nPATH=/x"), "--mailto: 'a\\nPATH=/x' is not valid"),
        (("--target", "crontab", "--user", "a b"), "--user: 'a b' has a blank in it."),
        (
            ("--target", "crontab", "--zone", "Mars"),
            "--zone: 'Mars' is not a time zone; write e.g.",
        ),
        (("--target", "crontab", "--database", "x"), "--database: there is no x; known: default."),
        (("--target", "crontab", "--database", "all"), "--database all: say so in maint.toml"),
    ],
)
def test_wrong_usage(inside: Inside, arguments: tuple[str, ...], sentence: str) -> None:
    """One sentence, exit code 2, nothing written."""
    result = inside("schedule", "render", *arguments)
    assert (result.code, result.out) == (2, "")
    assert sentence in result.err
    assert files(inside.folder) == {}


def test_the_coming_times_are_in_one_order(inside: Inside) -> None:
    """Of all entries, each with its zone."""
    write(inside, BERLIN + '[[schedules]]\njob = "cleanup-orphans"\nname = "often"\nevery = "1m"\n')
    found = inside("schedule", "next", "--count", "1000", "--json").json["times"]
    assert len(found) == 1000
    times = [datetime.fromisoformat(one["at"]) for one in found]
    assert times == sorted(times)
    often = [one for one in found if one["entry"] == "often"]
    assert (often[0]["job"], often[0]["every"], often[0]["when"]) == (
        "cleanup-orphans",
        "1m",
        "every minute",
    )
    text = inside("schedule", "next", "--count", "3").out
    assert len(text.splitlines()) == 4
    assert "every minute" in text
    assert "maint cleanup-orphans" in text


def test_a_time_is_told_in_its_zone(inside: Inside) -> None:
    """Beside UTC."""
    write(inside, BERLIN)
    found = inside("schedule", "next", "--count", "3", "--json").json["times"]
    assert [one["entry"] for one in found] == ["cleanup-sessions"] * 3
    for one in found:
        assert one["local"][10:16] == "T09:07"
        assert datetime.fromisoformat(one["local"]) == datetime.fromisoformat(one["at"])
    assert "09:07 Europe/Berlin" in inside("schedule", "next").out


NAMELESS = [
    ("", "there is no maint.toml here"),
    ("[tables.jobs]\nname = 'x'\n", "maint.toml enables none"),
    (f"{ON}enabled = false\n", "maint.toml enables none"),
]


@pytest.mark.parametrize(("text", "why"), NAMELESS)
@pytest.mark.parametrize(
    "command",
    ["schedule next", "schedule render --target crontab", "run --all", "schedule render --write"],
)
def test_with_no_job_named_nothing_is_scheduled(
    inside: Inside, conn: Conn, command: str, text: str, why: str
) -> None:
    """Wrong usage, with both ways to name one; nothing is written, and nothing runs."""
    if text:
        write(inside, text)
    before = files(inside.folder)
    result = inside(*command.split())
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"maint: No job has a schedule: {why}. Name jobs on the command")
    assert 'or enable them in maint.toml: jobs = ["cleanup-sessions"].' in result.err
    assert files(inside.folder) == before
    assert conn.execute("SELECT count(*) FROM job_runs").fetchall() == [(0,)]


def test_a_job_that_is_enabled_and_has_nothing_to_do_is_said(inside: Inside) -> None:
    """It is rendered nowhere, which whoever named it would not see; --strict refuses."""
    queues = "cleanup-queues is enabled and has nothing to do; write tables under"
    write(inside, "[jobs.cleanup-queues]\n")
    for command in ("schedule render --target crontab", "schedule next", "run --all"):
        result = inside(*command.split())
        assert (result.code, result.out) == (2, "")
        assert result.err == f"maint: {queues} [jobs.cleanup-queues] in maint.toml.\n"
    write(inside, "[jobs.cleanup-queues]\n[jobs.retention-cleanup]\n[jobs.cleanup-sessions]\n")
    result = inside("schedule", "render", "--target", "crontab")
    assert result.code == 0
    assert "maint cleanup-sessions" in result.out
    assert queues in result.err
    assert (
        "retention-cleanup is enabled and has nothing to do; write a rule under [[ret" in result.err
    )
    strict = inside("schedule", "render", "--target", "crontab", "--strict")
    assert (strict.code, strict.out) == (65, "")
    assert queues in strict.err
    ran = inside("run", "--all")
    assert ran.code == 0
    assert queues in ran.err


def test_jobs_may_be_named_on_the_command_line(inside: Inside) -> None:
    """These alone, enabled or not; a check of such files is given the same names."""
    render = ("schedule", "render", "--target", "systemd", "--output", "there")
    assert inside(*render, "cleanup-orphans", SESSIONS).code == 0
    both = {f"maint-{job}" for job in ("cleanup-orphans", SESSIONS)}
    assert {name.partition(".")[0] for name in files(inside.folder / "there")} == both
    check = ("schedule", "check", "--target", "systemd", "--output", "there", "--no-ledger")
    assert inside(*check, "cleanup-orphans", SESSIONS).code == 0
    assert (inside(*check, SESSIONS).code, inside(*check).code) == (1, 1)
    assert inside(*render, SESSIONS).code == 0  # and removes no file of another
    assert {name.partition(".")[0] for name in files(inside.folder / "there")} == both
    times = inside("schedule", "next", SESSIONS, "--json").json["times"]
    assert {one["entry"] for one in times} == {SESSIONS}
    write(inside, f"[jobs.cleanup-orphans]\n{ENTRY}")
    times = inside("schedule", "next", "often", "--json").json["times"]
    assert {one["entry"] for one in times} == {"often"}


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("cleanup-session", "There is no entry 'cleanup-session'; did you mean cleanup-sessions?"),
        (
            "old-mail",
            'old-mail has no schedule; write one in maint.toml [sweeps.old-mail]: every = "1d".',
        ),
        (
            "retention-cleanup",
            "retention-cleanup has nothing to do yet; see maint retention-cleanup",
        ),
    ],
)
def test_a_named_job_that_cannot_be_scheduled(inside: Inside, name: str, sentence: str) -> None:
    """Wrong usage, and why."""
    write(inside, SWEEP.replace('every = "1d"\n', ""))
    result = inside("schedule", "render", "--target", "crontab", name)
    assert (result.code, result.out) == (2, "")
    assert sentence in result.err


def test_a_count_out_of_range(inside: Inside) -> None:
    """Wrong usage."""
    result = inside("schedule", "next", "--count", "0")
    assert (result.code, "--count: 0 is out of range" in result.err) == (2, True)


def test_the_rendered_command_is_one_that_maint_takes(inside: Inside) -> None:
    """A shell reads the line as the job's own command line."""
    option = 'options = ["--limit", "5"]\n'
    write(inside, f"[jobs.cleanup-sessions]\n{option}")
    (line,) = [
        line
        for line in inside("schedule", "render", "--target", "crontab").out.splitlines()
        if " cleanup-sessions " in line and not line.startswith("#")
    ]
    words = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {line.split(None, 6)[6]}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")[:-1]
    (inside.folder / "env").touch(0o600)
    words = [word.removeprefix("/etc/maint/") for word in words]
    assert inside(*words).code == 0


def test_a_job_is_made_for_once(inside: Inside) -> None:
    """With other options than its CronJob has; also of an entry that is off."""
    text = '[[schedules]]\nname = "x"\njob = "cleanup-orphans"\nevery = "1h"\nenabled = false\n'
    write(inside, f"{text}[jobs.cleanup-sessions]\nenabled = false\n")
    result = inside("schedule", "run-now", "cleanup-sessions", "--", "--stale-after", "5m", "-n")
    assert (result.code, result.err) == (0, "")
    assert "kind: Job\n" in result.out
    assert "--stale-after" in result.out
    assert "cleanup-orphans" in inside("schedule", "run-now", "x", "--secret", "other").out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("cleanup-sesions",),
            "There is no entry 'cleanup-sesions'; did you mean cleanup-sessions",
        ),
        (
            ("cleanup-sessions", "--", "--dry-rn"),
            "has no option '--dry-rn'; did you mean --dry-run",
        ),
        (("cleanup-sessions", "--target", "github"), "elsewhere call maint itself."),
        (("cleanup-sessions", "--deployed", "none.json"), "--deployed: 'none.json' cannot be read"),
    ],
)
def test_what_is_run_once_must_be_right(
    inside: Inside, arguments: tuple[str, ...], sentence: str
) -> None:
    """Before anything is printed."""
    result = inside("schedule", "run-now", *arguments)
    assert (result.code, result.out) == (2, "")
    assert sentence in result.err


def test_the_files_of_an_entry_that_is_gone_go(inside: Inside) -> None:
    """And it is said; what only looks like them stays: a copy, a link, a file of other hands."""
    write(inside, SWEEP + ON)
    at_home(inside.folder)
    assert inside("schedule", "render", "--write").code == 0
    units, services = (inside.folder / "deploy" / name for name in ("systemd", "railway"))
    own = {units / "maint-old-mail.timer", units / "maint-old-mail.service"}
    own |= {services / "old-mail.toml", units.with_name("kubernetes") / "old-mail.yaml"}
    assert all(path.is_file() for path in own)
    (units / "maint-copy.timer").write_text((units / "maint-old-mail.timer").read_text())
    (units / "maint-hand.service").write_text("[Service]\n")
    (services / "linked.toml").symlink_to(services / "old-mail.toml")
    write(inside, ON)
    result = inside("schedule", "render", "--write")
    assert result.code == 0
    said = {line.split()[2].rstrip(",") for line in result.err.splitlines() if "removed" in line}
    assert said == {path.relative_to(inside.folder).as_posix() for path in own}
    assert not any(path.exists() for path in own)
    assert (units / "maint-copy.timer").is_file()
    assert (units / "maint-hand.service").is_file()
    assert (services / "linked.toml").is_symlink()
    again = inside("schedule", "render", "--write").err
    assert all(line.startswith("maint: advice: ") for line in again.splitlines())


def test_the_same_below_a_folder(every: Inside) -> None:
    """Where nothing is enabled any more, rendering is refused, and a check finds what is left."""
    result = every("schedule", "render", "--target", "github", "--output", "there")
    assert (result.code, [*files(every.folder / "there")]) == (0, ["maintenance.yml"])
    write(every, "")
    place = ("--target", "github", "--output", "there")
    assert every("schedule", "render", *place).code == 2
    assert [*files(every.folder / "there")] == ["maintenance.yml"]
    result = every("schedule", "check", *place, "--no-ledger")
    assert (result.code, "foreign" in result.out) == (1, True)


KEPT = "\n## kept below\n# é: a line of the user's\r\n"


def test_what_the_user_wrote_at_the_end_of_a_file_stays(inside: Inside) -> None:
    """In files of every target that a change of the schedule rewrites; a check leaves it out."""
    write(inside, SWEEP + ON)
    at_home(inside.folder)
    assert inside("schedule", "render", "--write").code == 0
    all_files = (path for path in inside.folder.rglob("*") if path.is_file())
    rendered = [path for path in all_files if "rendered from" in path.read_text()]
    assert len(rendered) > len(TARGETS)
    for path in rendered:
        path.write_bytes(path.read_bytes() + KEPT.encode())
    assert inside("schedule", "check", "--no-ledger").code == 0
    assert "wrote" not in inside("schedule", "render", "--write").err
    write(inside, (SWEEP + ON).replace("1d", "12h"))
    assert inside("schedule", "check", "--no-ledger").code == 1
    wrote = inside("schedule", "render", "--write").err
    assert {name for name in TARGETS if TARGETS[name].folder in wrote} == set(TARGETS)
    assert inside("schedule", "check", "--no-ledger").code == 0
    assert all(path.read_bytes().endswith(KEPT.encode()) for path in rendered)
    assert all(path.read_text().count("kept below") == 1 for path in rendered)
    workflow = str(inside.folder / ".github" / "workflows" / "maintenance.yml")
    deployed = ("--target", "github", "--deployed", workflow)
    assert inside("schedule", "check", *deployed, "--no-ledger").code == 0


def test_a_file_with_lines_of_the_user_is_not_removed(inside: Inside) -> None:
    """When its entry is gone; that is said, and a check still finds it."""
    write(inside, SWEEP + ON)
    assert inside("schedule", "render", "--target", "systemd", "--write").code == 0
    timer = inside.folder / "deploy" / "systemd" / "maint-old-mail.timer"
    timer.write_text(timer.read_text() + KEPT)
    write(inside, ON)
    result = inside("schedule", "render", "--target", "systemd", "--write")
    assert f"maint: left deploy/systemd/{timer.name}, which is no longer rendered; " in result.err
    assert timer.read_text().endswith("# é: a line of the user's\n")
    assert not timer.with_suffix(".service").exists()
    result = inside("schedule", "check", "--target", "systemd", "--no-ledger")
    assert (result.code, timer.name in result.out) == (1, True)


def test_a_file_that_was_not_rendered_is_not_overwritten(inside: Inside) -> None:
    """Nor is any other file of that target written then."""
    write(inside, ON)
    own = inside.folder / "deploy" / "kubernetes" / "kustomization.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("resources: [mine.yaml]\n")
    result = inside("schedule", "render", "--target", "kubernetes", "--write")
    assert (result.code, result.out) == (78, "")
    assert "deploy/kubernetes/kustomization.yaml is there and was not rendered by" in result.err
    assert files(own.parent) == {own.name: "resources: [mine.yaml]\n"}


ELSEWHERE = ("github", "railway", "render")


@pytest.mark.parametrize("target", ELSEWHERE)
def test_what_works_in_this_repository_alone_is_refused(inside: Inside, target: str) -> None:
    """In another one nothing is written, and the error says which setting is missing."""
    write(inside, ON)
    result = inside("schedule", "render", "--target", target, "--write")
    assert (result.code, result.out) == (78, "")
    assert "[schedule]" in result.err
    assert [*files(inside.folder)] == ["maint.toml"]
    more = f'[schedule]\naction = "{ACTION}"\ninstall = "maintcli==0.1.0"\n'
    write(inside, ON + more)
    assert inside("schedule", "render", "--target", target, "--write").code == 0
    result = inside("schedule", "check", "--target", target, "--no-ledger")
    assert (result.code, result.err) == (0, "")
    before = files(inside.folder)
    write(inside, ON)
    result = inside("schedule", "render", "--write")
    assert result.code == 0
    assert all(f"maint: {name}: " in result.err for name in ELSEWHERE)
    assert before.items() - {("maint.toml", ON + more)} <= files(inside.folder).items()
    result = inside("schedule", "check", "--target", target, "--no-ledger")
    assert (result.code, "it cannot be rendered: " in result.out) == (1, True)
    assert inside("schedule", "render", "--write", "--strict").code == 65


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("action = 'OWNER/maint@SHA'", "OWNER in 'OWNER/maint@SHA' is a placeholder; put your own"),
        ("action = 'acme/maint@SHA'", "SHA in 'acme/maint@SHA' is a placeholder"),
        ("image = 'ghcr.io/OWNER/maint:1'", "is a placeholder"),
        ("install = 'git+https://github.com/acme/maint@SHA'", "is a placeholder"),
        ("install = 'https://u:pa55word@e.org/OWNER x'", "install: a name or a password in its U"),
        ("install = 'git+https://t0ken@e.org/x'", "install: a name or a password in its URL"),
        ("install = '--editable=.'", "install: '--editable=.' is an option; name what pip"),
        ("runs-on = 'a,,b'", "runs-on: 'a,,b' has an empty label; write e.g. self-hosted,linux."),
    ],
)
def test_a_place_that_cannot_be_meant_is_refused(
    inside: Inside, setting: str, sentence: str
) -> None:
    """Also as an option; a secret in it is not repeated."""
    write(inside, f"{ON}[schedule]\n{setting}\n")
    result = inside("schedule", "render", "--target", "crontab")
    assert (result.code, result.out) == (78, "")
    assert sentence in result.err
    assert not {"pa55word", "t0ken"} & set(re.findall(r"\w+", result.err))
    write(inside, ON)
    key, _, value = setting.partition(" = ")
    result = inside("schedule", "render", "--target", "crontab", f"--{key}={value.strip(chr(39))}")
    assert (result.code, result.out) == (2, "")


def test_there_is_one_crontab(every: Inside) -> None:
    """That of a user goes when it becomes one of the system: both together would start all twice."""
    render = ("schedule", "render", "--target", "crontab", "--output", "there")
    assert every(*render).code == 0
    check = ("schedule", "check", "--target", "crontab", "--output", "there", "--no-ledger")
    assert "crontab.example" in every(*check, "--user", "maint").out
    assert "removed there/crontab.example" in every(*render, "--user", "maint").err
    assert set(files(every.folder / "there")) == {"maint.cron"}
    assert every(*check, "--user", "maint").code == 0
