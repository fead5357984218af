"""The Blueprint of Render"""

from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from maintcli.config.scheduler import Settings
from maintcli.schedules.model import Entry
from maintcli.schedules.targets.render import FILE, render
from maintcli.schedules.targets.utc import Clock, in_utc
from tests.schedules.readers import Stated, read
from tests.schedules.strategies import several

SESSIONS = Entry("cleanup-sessions", "cleanup-sessions", "Remove: # it.", ("* * * * *",))
TWICE = Entry("twice", "cleanup-old-sessions", "", ("7 2 * * *", "7 14 * * *"), "Asia/Tokyo")
LOCAL = Entry("local", "cleanup-sessions", "", ("7 2 * * *",), "Europe/Berlin")
LONG = Entry("long", "cleanup-sessions", "", ("7 2 * * *",), timeout_seconds=86400)


def services(*entries: Entry) -> list[dict[str, Any]]:
    """As a YAML parser reads them."""
    found = yaml.safe_load(render(entries, Settings()).files[FILE])
    assert list(found) == ["services"]
    return found["services"]


@settings(deadline=None, max_examples=60)
@given(several(st.just("UTC")))
def test_what_is_rendered_is_found_again(declared: list[Entry]) -> None:
    """Each entry that Render can start, with the words of its command line."""
    said = [(entry, in_utc(entry, Clock("Render"))[0]) for entry in declared]
    wanted = [Stated.of(entry._replace(expressions=crons)) for entry, crons in said if crons]
    files = render(declared, Settings()).files
    assert (read("render", files) if files else []) == wanted


def test_each_cron_is_a_cron_job() -> None:
    """With a name of its own, the times in UTC, and the secret by reference."""
    found = services(SESSIONS, TWICE)
    assert [(one["name"], one["schedule"], one["startCommand"]) for one in found] == [
        ("maint-cleanup-sessions", "* * * * *", "maint cleanup-sessions"),
        ("maint-twice", "7 17 * * *", "maint cleanup-old-sessions"),
        ("maint-twice--2", "7 5 * * *", "maint cleanup-old-sessions"),
    ]
    for one in found:
        assert (one["type"], one["runtime"]) == ("cron", "python")
        assert one["envVars"] == [{"fromGroup": "maint"}]
        assert "--require-hashes" in one["buildCommand"]


def test_what_render_cannot_do_is_noted() -> None:
    """Local time is left out; a timeout above Render's own is not, but will not hold."""
    rendered = render([LOCAL, LONG], Settings())
    assert [one["name"] for one in services(LOCAL, LONG)] == ["maint-long"]
    assert [(note.key, note.what[:20]) for note in rendered.notes] == [
        ("local", "the times are in UTC"),
        ("long", "Render stops a run a"),
    ]
    assert rendered.files[FILE].count("# Note: ") == 2
    assert render([LOCAL], Settings()).files == {}


def test_another_repository_gets_a_dockerfile() -> None:
    """Which Render builds; without a word on where maint comes from there is no Blueprint."""
    given = Settings(install="maintcli==0.1.0", is_home=False)
    files = render([SESSIONS], given).files
    assert list(files) == [FILE, "render/Dockerfile"]
    (service,) = yaml.safe_load(files[FILE])["services"]
    assert service["runtime"] == "docker"
    assert service["dockerfilePath"] == "./deploy/render/Dockerfile"
    assert service["dockerCommand"] == "maint cleanup-sessions"
    assert not {"buildCommand", "startCommand"} & service.keys()
    assert "\nRUN pip install " in files["render/Dockerfile"]
    assert read("render", files) == read("render", render([SESSIONS], Settings()).files)
    assert render([SESSIONS], Settings(is_home=False)).refused


def test_a_plan_and_a_region_can_be_had() -> None:
    """A database that is private to a region can be reached from there alone."""
    (plain,) = services(SESSIONS)
    assert (plain["plan"], "region" in plain) == ("starter", False)
    text = render([SESSIONS], Settings(plan="pro", region="frankfurt")).files[FILE]
    (found,) = yaml.safe_load(text)["services"]
    assert (found["plan"], found["region"]) == ("pro", "frankfurt")
