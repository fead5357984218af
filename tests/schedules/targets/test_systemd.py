"""Units of systemd: what stands in them, what is read back, and what systemd makes of it"""

import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from maintcli.config.scheduler import Settings
from maintcli.errors import Code
from maintcli.schedules.due import coming
from maintcli.schedules.model import Entry, Note
from maintcli.schedules.targets.systemd import render
from maintcli.schedules.targets.systemd_calendar import events
from tests.schedules.readers import as_systemd, read, values
from tests.schedules.strategies import expressions, several

ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(
    ANALYZE is None, reason="systemd-analyze is not installed: apt-get install systemd"
)
PLAIN = Entry(
    "nightly", "cleanup-old-sessions", "Remove them.", ("0 2 * * *",), timeout_seconds=600
)
COMMAND = str(Path(sys.executable).with_name("maint"))
FIXED_ZONES = ("UTC", "Asia/Tokyo", "Asia/Kolkata")
NIGHTS = {  # when clocks go forward, and back
    "Europe/Berlin": ("2026-03-29T01:00Z", "2026-10-25T01:00Z"),
    "America/New_York": ("2026-03-08T07:00Z", "2026-11-01T06:00Z"),
    "Australia/Sydney": ("2026-10-03T16:00Z", "2026-04-04T16:00Z"),
    "America/Santiago": ("2026-09-06T04:00Z", "2026-04-05T03:00Z"),  # at midnight
}
EXPRESSIONS = (
    *("* * * * *", "*/5 * * * *", "*/7 * * * *", "*/10 * * * *", "*/20 * * * *", "*/30 * * * *"),
    *("0 * * * *", "30 * * * *", "7 * * * *", "0,30 0-23 * * *", "5-59/15 * * * *"),
    *("0 */2 * * *", "0 */3 * * *", "*/15 2 * * *", "*/15 1-3 * * *", "*/10 8-17 * * *"),
    *("0 0 * * *", "30 0 * * *", "30 1 * * *", "0 2 * * *", "30 2 * * *", "0 3 * * *"),
    *("0 1-4 * * *", "15 2,3 * * *", "30 2 * * 0", "30 2 * * 1-5", "*/30 2 * * 0"),
    *("30 2 25,29 * *", "30 2 25,29 * 1", "0 2 1,15 * 5", "0 2 1-7 * */7", "*/10 * * * 1"),
)


def one(entry: Entry, **settings: str) -> tuple[str, str]:
    """The service and the timer of `entry`."""
    files = render([entry], Settings(**settings)).files  # type: ignore[arg-type]
    return files[f"maint-{entry.key}.service"], files[f"maint-{entry.key}.timer"]


def value(text: str, key: str) -> str:
    """The only value of `key`."""
    (found,) = values(text, key)
    return found


def test_the_exit_codes_are_those_of_errors() -> None:
    """What another start would not mend leads to none."""
    prevented = {int(code) for code in value(one(PLAIN)[0], "RestartPreventExitStatus").split()}
    assert prevented == {int(code) for code in Code if code.systemd == "prevent"}
    assert prevented.isdisjoint({1, 69, 75})


def test_its_timeout_is_above_ours() -> None:
    """Else systemd would kill a run that is about to say how it ended."""
    assert int(value(one(PLAIN)[0], "TimeoutStartSec")) > PLAIN.timeout_seconds


@pytest.mark.parametrize(
    ("expression", "timeout"), [("* * * * *", 60), ("*/5 * * * *", 60), ("0 2 * * *", 1800)]
)
def test_restarts_are_bounded_and_leave_the_timer_its_start(expression: str, timeout: int) -> None:
    """The starts are counted over less than a period, in which so many restarts have room."""
    service, _ = one(PLAIN._replace(expressions=(expression,), timeout_seconds=timeout))
    dues = coming([PLAIN._replace(expressions=(expression,))], datetime(2026, 1, 1, tzinfo=UTC), 2)
    period = (dues[1].at - dues[0].at).total_seconds()
    counted, burst = (int(value(service, f"StartLimit{key}")) for key in ("IntervalSec", "Burst"))
    assert value(service, "Restart") == "on-failure"
    assert burst * int(value(service, "RestartSec")) < counted < period
    assert burst == 3


def test_systemd_fills_nothing_in() -> None:
    """A percent sign or a dollar in an option is what it is, and a semicolon begins no command."""
    service, _ = one(PLAIN._replace(options=("--where", "a = '%n' $HOME", ";", 'a"\\')))
    assert value(service, "ExecStart").endswith(""" --where "a = '%%n' $$HOME" ";" "a\\"\\\\\"""")


def test_the_url_is_a_credential() -> None:
    """Of a file that root alone can read, never a part of the unit or of the environment's text."""
    service, _ = one(PLAIN, variables="/srv/maint/env")
    assert value(service, "LoadCredential") == "database-url:/srv/maint/database-url"
    assert value(service, "Environment") == "DATABASE_URL=file:%d/database-url"
    assert value(service, "DynamicUser") == "yes"


def test_the_settings_are_named_by_a_whole_path() -> None:
    """As one word, with nothing filled in; below a home the service may read there."""
    service, _ = one(PLAIN, config_file="/home/me/my %n $jobs/maint.toml")
    line = 'Environment="MAINT_CONFIG=/home/me/my %%n $jobs/maint.toml"'
    assert line in service.splitlines()
    assert value(service, "ProtectHome") == "read-only"


def test_a_timer_catches_up_and_does_not_wander() -> None:
    """Persistent, without a random delay; one event, or two where either day is enough."""
    _, timer = one(PLAIN._replace(expressions=("0 2 1,15 * 5",), zone="Europe/Berlin"))
    assert values(timer, "OnCalendar") == (
        "*-*-01,15 02:00:00 Europe/Berlin",
        "Fri *-*-* 02:00:00 Europe/Berlin",
    )
    assert (value(timer, "Persistent"), value(timer, "RandomizedDelaySec")) == ("true", "0")
    _, timer = one(PLAIN._replace(expressions=("0 2 1-7 * */7",)))
    assert values(timer, "OnCalendar") == ("Sun *-*-01..07 02:00:00 UTC",)


def test_what_no_event_says_is_left_out() -> None:
    """With the nearest."""
    rendered = render([PLAIN._replace(expressions=("0 2 L * *",))], Settings())
    assert rendered.files == {}
    assert [(note.key, bool(note.nearest)) for note in rendered.notes] == [("nightly", True)]
    assert isinstance(rendered.notes[0], Note)


@pytest.mark.parametrize("code", [0, 0xFDD0, 0xFDEF, 0xFFFE, 0xFFFF, 0x1FFFE, 0x10FFFF])
def test_what_no_unit_holds_is_left_out(code: int) -> None:
    """systemd would pass over the line, and complain; what is next to such a character it takes."""
    rendered = render([PLAIN._replace(options=("--where", f"a{chr(code)}"))], Settings())
    assert rendered.files == {}
    assert [note.key for note in rendered.notes] == ["nightly"]
    beside = PLAIN._replace(options=("--where", "\ufdcf\ufdf0\ufffd\U00010000"))
    assert len(render([beside], Settings()).files) == 2


def test_a_summary_holds_nothing_that_systemd_would_not_take() -> None:
    """It is for people, so a mark stands in for what they could not see."""
    service, _ = one(PLAIN._replace(summary="Send\ufffe\x1b it."))
    assert value(service, "Description") == "Send?? it."


@given(several())
def test_what_is_rendered_is_read_back(entries: list[Entry]) -> None:
    """Key, job, events and each word of the options."""
    rendered = render(entries, Settings())
    expected = [
        as_systemd(entry) for entry in entries if f"maint-{entry.key}.timer" in rendered.files
    ]
    left_out = len(entries) - len(expected)
    assert left_out <= len({note.key for note in rendered.notes})
    assert read("systemd", rendered.files) == expected


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """systemd-analyze, its words in English."""
    assert ANALYZE
    return subprocess.run(
        [ANALYZE, *arguments],
        text=True,
        capture_output=True,
        check=False,
        env={"LC_ALL": "C.UTF-8"},
    )


@needs_systemd
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@example([PLAIN._replace(options=("\ufffe",)), PLAIN._replace(key="other", options=("\ufdcf",))])
@given(several().filter(bool))
def test_systemd_takes_every_unit(
    tmp_path_factory: pytest.TempPathFactory, entries: list[Entry]
) -> None:
    """Not a word of complaint, whatever stands in the options; what it would not take is noted."""
    folder = tmp_path_factory.mktemp("units")
    rendered = render(entries, Settings(command=COMMAND))
    files = rendered.files
    left_out = [entry.key for entry in entries if f"maint-{entry.key}.timer" not in files]
    assert set(left_out) <= {note.key for note in rendered.notes}
    assert len(files) == 2 * (len(entries) - len(left_out))
    if not files:
        return
    for name, text in files.items():
        (folder / name).write_text(text)
    result = run("verify", *(str(folder / name) for name in files))
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@needs_systemd
def test_systemd_complains_of_a_unit_that_is_wrong(tmp_path: Path) -> None:
    """So that its silence means something."""
    for name, text in render([PLAIN], Settings(command=COMMAND)).files.items():
        (tmp_path / name).write_text(text.replace("OnCalendar=*-*-*", "OnCalendar=sometimes"))
    result = run("verify", *map(str, tmp_path.iterdir()))
    assert "sometimes" in result.stderr


def test_a_command_below_a_home_can_be_seen() -> None:
    """With ProtectHome=yes systemd would not find it: 203/EXEC."""
    for command in ("/home/u/venv/bin/maint", "/root/bin/maint", "/run/user/1000/maint"):
        assert value(one(PLAIN, command=command)[0], "ProtectHome") == "read-only"
    for command in ("/opt/maint/bin/maint", "/homes/maint", "/usr/local/bin/maint"):
        assert value(one(PLAIN, command=command)[0], "ProtectHome") == "yes"


def test_a_command_that_no_service_can_start_is_noted() -> None:
    """Once, whatever the number of services; the files stay as they are."""
    entries = [PLAIN, PLAIN._replace(key="other")]
    rendered = render(entries, Settings(hidden="it is hidden"))
    (note,) = rendered.notes
    assert str(note).startswith("command: it is hidden; ")
    assert rendered.files == render(entries, Settings()).files


@needs_systemd
def test_the_service_is_confined(tmp_path: Path) -> None:
    """As systemd judges it: 10 is no protection, its own services are at 9."""
    (tmp_path / "maint-nightly.service").write_text(one(PLAIN, command=COMMAND)[0])
    result = run(
        "security", "--offline=yes", "--threshold=20", str(tmp_path / "maint-nightly.service")
    )
    found = re.search(r"exposure level for \S+: ([\d.]+)", result.stdout)
    assert found, result.stderr
    assert float(found[1]) < 2


def elapses(event: str, after: datetime, count: int) -> list[datetime]:
    """When systemd says that `event` comes."""
    result = run(
        "calendar", f"--iterations={count}", f"--base-time={after:%Y-%m-%d %H:%M:%S} UTC", event
    )
    assert result.returncode == 0, result.stderr
    pattern = r"(?:Next elapse|Iter\. #\d+|\(in UTC\)): \w{3} ([\d-]+ [\d:]+) UTC"
    found = re.findall(pattern, result.stdout)
    return [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in found]


@needs_systemd
@pytest.mark.parametrize("expression", ["*/7 * * * *", "0 */5 * * *", "*/25 */7 * * *"])
def test_midnight_comes_after_an_uneven_step(expression: str) -> None:
    """systemd itself leaves out 00:00 of `*:00/7`."""
    entry = PLAIN._replace(expressions=(expression,))
    evening = datetime(2026, 9, 5, 20, 59, 59, tzinfo=UTC)
    (event,) = events(expression, "UTC") or ()
    assert elapses(event, evening, 40) == [due.at for due in coming([entry], evening, 40)]


@needs_systemd
@settings(deadline=None, max_examples=100)
@given(expressions, st.sampled_from(FIXED_ZONES), st.integers(0, 1500))
def test_systemd_has_our_times(expression: str, zone: str, days: int) -> None:
    """The next ones of all events of an expression, in UTC."""
    after = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=days, hours=3, seconds=1)
    count = 4
    found = events(expression, zone)
    assert found is not None
    theirs = sorted({time for event in found for time in elapses(event, after, count)})[:count]
    entry = PLAIN._replace(expressions=(expression,), zone=zone)
    assert theirs == [due.at for due in coming([entry], after, count)]


def across(event_or_entry: str | Entry, change: datetime) -> set[datetime]:
    """What comes within three hours before and after that moment."""
    begin, end = change - timedelta(hours=3, seconds=1), change + timedelta(hours=3)
    if isinstance(event_or_entry, str):
        found = elapses(event_or_entry, begin, 6 * 60 + 2)
    else:
        found = [due.at for due in coming([event_or_entry], begin, 6 * 60 + 2)]
    return {moment for moment in found if moment <= end}


@pytest.mark.slow
@needs_systemd
@pytest.mark.parametrize("zone", NIGHTS)
def test_systemd_has_our_times_when_the_clocks_change(zone: str) -> None:
    """On both nights, each expression: the same, or what does not come was said."""
    said = set[str]()
    for expression in EXPRESSIONS:
        entry = PLAIN._replace(expressions=(expression,), zone=zone)
        rendered = render([entry], Settings())
        found = values(rendered.files["maint-nightly.timer"], "OnCalendar")
        for night in map(datetime.fromisoformat, NIGHTS[zone]):
            theirs = set().union(*(across(event, night) for event in found))
            ours = across(entry, night)
            assert theirs <= ours, (expression, night)
            if theirs != ours:
                assert rendered.notes, (expression, night, ours - theirs)
                said.add(expression)
    assert said, "a zone whose clocks change has an expression that no event says"
    assert not said & {"*/5 * * * *", "0 * * * *", "0 4 * * *"}


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("0 2 * * *", "when the clocks go forward, 02:00 to 03:00 does not come, nor does its run"),
        ("*/15 2 * * *", "when the clocks go back, 02:00 to 03:00 comes twice"),
        ("0 4 * * *", None),
        ("30 2 * * 1-5", None),
        ("*/5 * * * *", None),
    ],
)
def test_the_hour_that_does_not_come_is_named(expression: str, said: str | None) -> None:
    """In the timer, and as a note; never where the days of the change are not meant."""
    entry = PLAIN._replace(expressions=(expression,), zone="Europe/Berlin")
    rendered = render([entry], Settings())
    assert [said in note.what for note in rendered.notes if said] == [True] * bool(said)
    text = " ".join(rendered.files["maint-nightly.timer"].replace("\n#  ", "").split())
    assert (said in text) if said else ("# Note:" not in text)
    assert not render([entry._replace(zone="Asia/Tokyo")], Settings()).notes
