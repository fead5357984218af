"""The crontab: what stands in it, and what is read back"""

import shlex
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maintcli.config.scheduler import Settings
from maintcli.schedules import cron
from maintcli.schedules.due import coming
from maintcli.schedules.model import Entry, Note, Rendered
from maintcli.schedules.targets import TARGETS
from maintcli.schedules.targets.crontab import FILE, SYSTEM_FILE, Line, render
from maintcli.schedules.targets.crontab import lines as started
from tests.schedules.readers import Stated, read
from tests.schedules.strategies import several, zones

NOW = datetime(2026, 3, 1, tzinfo=UTC)
START = "/usr/local/bin/maint cleanup-sessions"
PLAIN = Entry("cleanup-sessions", "cleanup-sessions", "Remove them.", ("*/5 * * * *",))


def lines(rendered: Rendered) -> list[str]:
    """Those that start something."""
    (text,) = rendered.files.values()
    return [one for one in text.splitlines() if one[:1].isdigit() or one.startswith("*")]


def test_a_line_says_all_that_cron_does_not() -> None:
    """Whole paths, quiet on success, and the entry's options last."""
    entry = PLAIN._replace(key="twice", options=("--stale-after", "2m"))
    assert lines(render([entry], Settings())) == [
        f"*/5 * * * * {START} --quiet --env-file /etc/maint/env --stale-after 2m"
    ]
    (text,) = render([entry], Settings(mailto="ops@example.com")).files.values()
    assert "\n# twice: every 5 minutes. Remove them.\n" in text
    assert {"SHELL=/bin/sh", "MAILTO=ops@example.com"} <= set(text.splitlines())
    assert "\nPATH=" in text
    assert not [one for one in text.splitlines() if one.startswith("CRON_TZ")]
    assert text.endswith("\n")


def test_the_settings_are_named_by_a_whole_path() -> None:
    """In each line, which may be pasted elsewhere; the header says that a copy belongs there."""
    rendered = render([PLAIN], Settings(config_file="/srv/my jobs/maint.toml"))
    assert lines(rendered) == [
        f"*/5 * * * * {START} --quiet --config '/srv/my jobs/maint.toml' --env-file /etc/maint/env"
    ]
    assert "/srv/my jobs/maint.toml  the settings" in rendered.files[FILE]
    assert read("crontab", rendered.files) == [Stated.of(PLAIN)]


def test_a_summary_stays_within_its_comment() -> None:
    """Whatever some reader takes for the end of a line."""
    hostile = PLAIN._replace(summary="Remove\r* * * * * root\u2028them\x0c now\ufffe.")
    assert lines(render([hostile], Settings())) == lines(render([PLAIN], Settings()))
    assert read("crontab", render([hostile], Settings()).files) == [Stated.of(PLAIN)]
    text = render([hostile], Settings()).files[FILE]
    assert "Remove * * * * * root them now?." in text


def test_one_for_the_whole_system_names_the_user() -> None:
    """In the sixth column, and under a name that cron does not read by accident."""
    rendered = render([PLAIN], Settings(user="maint", variables=""))
    assert [*rendered.files] == [SYSTEM_FILE]
    assert lines(rendered) == ["*/5 * * * * maint /usr/local/bin/maint cleanup-sessions --quiet"]
    assert read("crontab", rendered.files) == [Stated.of(PLAIN)]


@given(several(st.just("UTC")), st.sampled_from(["", "maint"]), st.sampled_from(["", "/etc/e nv"]))
def test_what_is_rendered_is_read_back(entries: list[Entry], user: str, env_file: str) -> None:
    """Every word of the options, whatever stands in it: cron's %, the shell's quotes."""
    rendered = render(entries, Settings(user=user, variables=env_file))
    assert rendered.files.keys() == {SYSTEM_FILE if user else FILE}
    left_out = {note.key for note in rendered.notes}
    assert read("crontab", rendered.files) == [
        Stated.of(one) for one in entries if one.key not in left_out
    ]
    unprintable = {e.key for e in entries if not all(w.isprintable() for w in e.options)}
    assert left_out == unprintable
    for line in lines(rendered):
        assert "%" not in line.replace(r"\%", "")


@given(several(), zones)
def test_another_zone_is_exact_or_left_out(entries: list[Entry], zone: str) -> None:
    """What is rendered is due at the declared times, by the clock of the machine."""
    plain = [entry._replace(options=()) for entry in entries]
    rendered = render(plain, Settings(zone=zone))
    left_out = {note.key for note in rendered.notes}
    stands_there = {found.key: found for found in read("crontab", rendered.files)}
    assert stands_there.keys() | left_out == {entry.key for entry in plain}
    for entry in plain:
        if entry.key in left_out:
            assert entry.zone != zone
            continue
        found = stands_there[entry.key]
        stands = entry._replace(expressions=found.expressions, zone=found.zone)
        assert [due.at for due in coming([entry], NOW, 20)] == [
            due.at for due in coming([stands], NOW, 20)
        ]


@pytest.mark.parametrize(
    ("expression", "zone", "clock", "stands"),
    [
        ("0 9 * * *", "Asia/Tokyo", "UTC", ("0 0 * * *",)),
        ("0 4 * * 1", "Asia/Tokyo", "UTC", ("0 19 * * 0",)),
        ("0 9 * * *", "Asia/Kolkata", "UTC", ("30 3 * * *",)),
        ("*/10 * * * *", "Asia/Kolkata", "UTC", ("*/10 * * * *",)),
        ("0 8,9 * * 1", "Asia/Tokyo", "UTC", ("0 23 * * 0", "0 0 * * 1")),
        ("0 9 1 * *", "Asia/Tokyo", "UTC", ("0 0 1 * *",)),
        ("0 9 * * *", "Europe/Berlin", "Europe/London", ("0 8 * * *",)),
        ("*/10 * * * *", "Europe/Berlin", "UTC", ("*/10 * * * *",)),
        ("7 * * * *", "UTC", "America/New_York", ("7 * * * *",)),
        ("5 * * * *", "Australia/Adelaide", "UTC", ("35 * * * *",)),
        ("*/30 * * * *", "Australia/Lord_Howe", "UTC", ("0,30 * * * *",)),
        ("*/20 * * * *", "Australia/Lord_Howe", "UTC", None),
        ("0,30 0-23 * * *", "Europe/Berlin", "UTC", None),
        ("*/10 * * * 1", "Europe/Berlin", "UTC", None),
        ("*/10 8-17 * * *", "Europe/Berlin", "UTC", None),
        ("0 9 L * *", "UTC", "UTC", None),
        ("0 4 1 * *", "Asia/Tokyo", "UTC", None),
        ("0 9 * * *", "Europe/Berlin", "UTC", None),
        ("0 9 * * *", "UTC", "America/New_York", None),
    ],
)
def test_a_zone_is_converted_where_that_is_exact(
    expression: str, zone: str, clock: str, stands: tuple[str, ...] | None
) -> None:
    """Not where the clocks change, nor where a date would have to move."""
    entry = PLAIN._replace(expressions=(expression,), zone=zone)
    rendered = render([entry], Settings(zone=clock))
    if stands is None:
        assert lines(rendered) == []
        (note,) = rendered.notes
        assert note.nearest
        assert f"\n# left out: {note}\n" in rendered.files[FILE]
    else:
        (found,) = read("crontab", rendered.files)
        assert set(found.expressions) == set(stands)
        assert found.zone == clock


def test_a_note_says_the_nearest() -> None:
    """What is left out, why, and what can be had."""
    berlin = PLAIN._replace(expressions=("0 9 * * *",), zone="Europe/Berlin")
    (note,) = render([berlin], Settings()).notes
    assert note == Note(
        "cleanup-sessions",
        "its times in Europe/Berlin cannot be written in a crontab in UTC, and Debian's cron has no"
        " CRON_TZ",
        'have timezone = "UTC", for it or under [schedule] for all, or let systemd start it',
    )


def test_lines_of_others_are_passed_over() -> None:
    """`crontab -l` holds what people wrote by hand, too."""
    text = (
        "MAILTO=root\nPATH=/bin\n\n# mine\n0 1 * * * backup --all\n@reboot /usr/local/bin/maint x\n"
        "5 4 * * * 'open\n# a note\n*/7 * * * * maint cleanup-sessions --limit '5 %'\n"
        "0 3 * * * root /opt/maint/bin/maint cleanup-orphans --quiet --env-file /x\n"
    )
    own = "*/7 * * * * maint cleanup-sessions --limit '5 %'"
    system = "0 3 * * * root /opt/maint/bin/maint cleanup-orphans --quiet --env-file /x"
    assert [*started(text)] == [
        Line("cleanup-sessions", "*/7 * * * *", ("cleanup-sessions", "--limit", "5 %"), own),
        Line("cleanup-orphans", "0 3 * * *", ("cleanup-orphans",), system),
    ]


@pytest.mark.parametrize("user", ["", "maint"])
@pytest.mark.parametrize("filler", ["x", "ä", "%"])
def test_a_long_command_runs_its_entry_by_name(user: str, filler: str, tmp_path: Path) -> None:
    """Whatever its options: cron takes the file, in which the other entries stand as well."""
    settings = Settings(user=user)
    short = f"{'maint ' if user else ''}/usr/local/bin/maint run-entry"
    forms = set[bool]()
    for number in range(300, 1100, 7):
        odd = PLAIN._replace(key="long", options=("--where", filler * number))
        rendered = render([odd, PLAIN], settings)
        assert not rendered.notes
        one, other = lines(rendered)
        assert other == lines(render([PLAIN], settings))[0]
        assert len(one.encode()) <= 998
        forms.add(f" {short} " in one)
        (tmp_path / "crontab").write_text("\n".join(rendered.files.values()))
        if not user:
            cron_takes(tmp_path / "crontab")
    assert forms == {False, True}
    assert one == f"*/5 * * * * {short} --quiet --env-file /etc/maint/env long"


def cron_takes(path: Path) -> None:
    """Cron's own reader finds nothing wrong, where it is installed."""
    if shutil.which("crontab"):
        read = subprocess.run(["crontab", "-n", path], check=False, capture_output=True, text=True)
        assert read.returncode == 0, read.stderr


def test_a_line_that_cron_would_refuse_is_left_out() -> None:
    """With the reason, where even the short form is too long; the other entries stay."""
    odd = PLAIN._replace(key="k" * 30, options=("--limit", "10000"))
    rendered = render([PLAIN, odd], Settings(command="/" + "x" * 930))
    assert len(lines(rendered)) == 1
    (note,) = rendered.notes
    assert note.key == "k" * 30
    assert "998 bytes" in note.what
    assert f"\n# left out: {note}" in rendered.files[FILE]


def test_a_database_of_the_rendering_stays_in_a_short_line() -> None:
    """Which maint.toml does not know."""
    options = ("--database", "main", "--where", "x" * 1000)
    (line,) = lines(render([PLAIN._replace(options=options, added=2)], Settings(variables="")))
    words = "run-entry --quiet cleanup-sessions --database main"
    assert line == f"*/5 * * * * /usr/local/bin/maint {words}"


def test_the_shell_gets_the_words() -> None:
    """Once cron has taken the backslash from each percent sign."""
    odd = ("--where", "a = '100%' -- $HOME `x`; \\")
    (line,) = lines(render([PLAIN._replace(options=odd)], Settings(variables="")))
    assert r"100\%" in line
    command = line.split(None, 5)[5].replace(r"\%", "%")
    assert shlex.split(command)[3:] == [*odd]
    assert cron.next_time(" ".join(line.split()[:5]), "UTC", NOW)


def test_it_is_found_by_its_name() -> None:
    """As the command line finds it."""
    assert TARGETS["crontab"].render is render
