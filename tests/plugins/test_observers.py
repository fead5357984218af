"""Observers: from maint.toml, told at start and end, bounded in time, and of no harm to a run."""

import sys
from pathlib import Path

import psycopg
import pytest

from maintcli.cli import order
from maintcli.runtime.report import Event
from tests.parts.enabled import enable
from tests.parts.inside import Inside
from tests.parts.package import install_points

Conn = psycopg.Connection[tuple[object, ...]]
MODULE = '''\
"""An observer of another package: it keeps what it is told."""

import threading

from maintcli.observers import Event, Observer, ObserverSettings

told = []
reached = threading.Event()
release = threading.Event()


def keep(settings: ObserverSettings) -> Observer:
    settings.section.only(["url"])
    url = settings.secret("url")

    def tell(event: Event) -> None:
        told.append((event, url.secret.reveal() if url else None))

    return tell


def hold(settings: ObserverSettings) -> Observer:
    def tell(event: Event) -> None:
        reached.set()
        release.wait(60)

    return tell


def fail(settings: ObserverSettings) -> Observer:
    def tell(event: Event) -> None:
        raise SystemExit("no such host")

    return tell
'''
LISTED = 'plugins = ["maint-tells"]\n'
PATIENT = '[observers]\ntimeout = "30s"\n'  # however busy the machine is
KEEP = LISTED + PATIENT + "[observers.keep]\n"


@pytest.fixture
def told(site: Path, inside: Inside) -> Inside:
    """A package with the observers keep, hold and fail, listed; keep is on."""
    points = {name: f"tells_module:{name}" for name in ("keep", "hold", "fail")}
    install_points(site, "maint-tells", {"maint.observers": points}, tells_module=MODULE)
    (inside.folder / "maint.toml").write_text(KEEP)
    return inside


def events() -> list[tuple[str, str, int]]:
    """Each event that `keep` was told: kind, outcome, exit code."""
    told = sys.modules["tells_module"].told
    return [(e.kind, e.report.outcome.value, int(e.report.exit_code)) for e, _ in told]


def last() -> Event:
    """The last event."""
    found = sys.modules["tells_module"].told[-1][0]
    assert isinstance(found, Event)
    return found


def test_it_is_told_at_start_and_at_end(told: Inside) -> None:
    """Of one run, with its figures and the end of its log."""
    assert told("cleanup-sessions").code == 0
    assert events() == [("started", "success", 0), ("ended", "success", 0)]
    (start, _), (end, _) = sys.modules["tells_module"].told
    assert start.report.run_id == end.report.run_id
    assert end.report.counts["deleted_count"] == 0
    assert any(" cleanup-sessions started run=" in line for line in end.log)


def test_it_knows_the_run_before_and_the_failures_in_a_row(told: Inside) -> None:
    """As the ledger has them once the run has ended."""
    told("cleanup-sessions")
    assert (last().report.previous_outcome, last().report.consecutive_failures) == (None, 0)
    for failures in (1, 2):
        assert told("cleanup-sessions", env={"MAINT_CLEANUP_SESSIONS_STALE_AFTER": "0s"}).code == 65
        assert last().report.consecutive_failures == failures
    assert last().report.previous_outcome == "refused"
    told("cleanup-sessions")
    assert (last().report.previous_outcome, last().report.consecutive_failures) == ("refused", 0)


def test_a_skipped_run_is_an_event_of_its_own(told: Inside) -> None:
    """Paused: it never started."""
    told("pause", "cleanup-sessions")
    assert told("cleanup-sessions").code == 0
    assert events() == [("skipped", "skipped", 0)]


@pytest.mark.parametrize(
    ("arguments", "env", "code"),
    [
        ((), {"DATABASE_URL": "postgresql://127.0.0.1:1/db"}, 69),
        ((), {"DATABASE_URL": ""}, 78),
        ((), {"MAINT_CLEANUP_SESSIONS_STALE_AFTER": "x"}, 78),
        (("--stale-after", "x"), {}, 2),
    ],
)
def test_it_is_told_of_what_fails_before_the_work(
    told: Inside, arguments: tuple[str, ...], env: dict[str, str], code: int
) -> None:
    """A database that is down, and settings that are wrong: an end without a start."""
    assert told("cleanup-sessions", "--timeout", "1s", *arguments, env=env).code == code
    assert events() == [("ended", "failed", code)]
    assert last().report.message


def test_each_job_of_several_is_told_of(told: Inside) -> None:
    """Also of one whose settings are wrong, which stops no other."""
    (told.folder / "maint.toml").write_text(
        LISTED + enable("cleanup-old-sessions", "cleanup-sessions") + PATIENT + "[observers.keep]\n"
    )
    wrong = {"MAINT_CLEANUP_OLD_SESSIONS_OLDER_THAN": "x"}
    assert told("run", "--all", env=wrong).code == 78
    found = [(e.report.job, e.kind) for e, _ in sys.modules["tells_module"].told]
    assert sorted(found) == [
        ("cleanup-old-sessions", "ended"),
        ("cleanup-sessions", "ended"),
        ("cleanup-sessions", "started"),
    ]


def test_a_slow_one_is_left_behind(told: Inside, conn: Conn) -> None:
    """It does not hold up the work: the run ends while the observer is still being told."""
    (told.folder / "maint.toml").write_text(
        LISTED + '[observers]\ntimeout = "1s"\n[observers.hold]\n'
    )
    found = told("cleanup-sessions", "--json")
    module = sys.modules["tells_module"]
    assert module.reached.is_set()
    assert not module.release.is_set()
    module.release.set()
    assert (found.code, found.json["success"]) == (0, True)
    assert "observer hold took longer than 1 s; it was left" in found.err
    assert conn.execute("SELECT outcome FROM job_runs").fetchall() == [("success",)]


def test_one_that_fails_changes_nothing(told: Inside) -> None:
    """Not even by leaving the process; what went wrong is said."""
    (told.folder / "maint.toml").write_text(
        LISTED + PATIENT + "[observers.fail]\n[observers.keep]\n"
    )
    found = told("cleanup-sessions")
    assert found.code == 0
    assert "observer fail failed: SystemExit: no such host" in found.err
    assert len(events()) == 2


def test_its_own_settings_may_be_wrong(told: Inside) -> None:
    """That stops no job either."""
    (told.folder / "maint.toml").write_text(KEEP + 'ulr = "x"\n')
    found = told("cleanup-sessions")
    assert found.code == 0
    assert "observer keep failed: ConfigError: maint.toml [observers.keep]: unknown k" in found.err


def test_a_secret_comes_from_a_variable_that_schedulers_hand_on(told: Inside) -> None:
    """And config show does not show it."""
    (told.folder / "maint.toml").write_text(
        LISTED + enable("cleanup-sessions") + PATIENT + '[observers.keep]\nurl = "env:PING_URL"\n'
    )
    env = {"PING_URL": "https://h/canary"}
    assert told("cleanup-sessions", env=env).code == 0
    assert {url for _, url in sys.modules["tells_module"].told} == {"https://h/canary"}
    rendered = told("schedule", "render", "--target", "systemd", "--output", "out", env=env)
    assert rendered.code == 0, rendered.err
    service = (told.folder / "out" / "maint-cleanup-sessions.service").read_text()
    assert "PING_URL=file:%d/ping-url" in service
    shown = told("config", "show", "--json", env=env)
    assert "observers.keep" in shown.out
    assert "canary" not in shown.out + service


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[observers.kepe]\n", "there is no such observer; did you mean keep?"),
        ("[observers]\ntimeuot = 1\n", "did you mean timeout?"),
        ('[observers]\ntimeout = "5m"\n', "5m will not do"),
        ("[observers]\nkeep = 1\n", "unknown key keep"),
    ],
)
def test_a_section_of_none_is_an_error(told: Inside, toml: str, words: str) -> None:
    """One sentence and 78, as for any unknown key."""
    (told.folder / "maint.toml").write_text(LISTED + toml)
    found = told("cleanup-sessions")
    assert found.code == 78
    assert words in found.err


def test_a_package_that_is_not_listed_is_not_imported(told: Inside) -> None:
    """The sentence says how to trust it."""
    (told.folder / "maint.toml").write_text("[observers.keep]\n")
    found = told("cleanup-sessions")
    assert found.code == 78
    assert 'write at the top: plugins = ["maint-tells"]' in found.err
    assert "tells_module" not in sys.modules


def test_nothing_is_imported_where_nobody_is_told(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the package of observers, nor one of them that is off."""
    for name in [name for name in sys.modules if name.startswith("maintcli.observers")]:
        monkeypatch.delitem(sys.modules, name)
    assert inside("cleanup-sessions").code == 0
    (inside.folder / "maint.toml").write_text("[observers.github]\nenabled = false\n")
    assert inside("cleanup-sessions", env={"GITHUB_ACTIONS": "true"}).code == 0
    assert "maintcli.observers.github" not in sys.modules
    assert {"GITHUB_ACTIONS", "KUBERNETES_SERVICE_HOST"} == order._PLACES


def test_kubernetes_may_be_told_in_another_file(inside: Inside) -> None:
    """From maint.toml alone, wherever the run is."""
    (inside.folder / "end.json").touch()
    (inside.folder / "maint.toml").write_text('[observers.kubernetes]\nfile = "end.json"\n')
    assert inside("cleanup-sessions").code == 0
    assert '"outcome": "success"' in (inside.folder / "end.json").read_text()


def test_all_databases_are_one_start_and_one_end(told: Inside) -> None:
    """As the report is one."""
    (told.folder / "maint.toml").write_text(
        LISTED + '[databases.a]\nurl = "env:DATABASE_URL"\n' + PATIENT + "[observers.keep]\n"
    )
    assert told("cleanup-sessions", "--database", "all").code == 0
    assert [kind for kind, _, _ in events()] == ["started", "ended"]
    assert last().report.counts["databases_count"] == 2
