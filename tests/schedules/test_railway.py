"""The files of Railway"""

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maintcli.config.scheduler import Settings
from maintcli.schedules.model import Entry
from maintcli.schedules.targets.railway import render
from maintcli.schedules.targets.utc import Clock, in_utc
from tests.schedules.readers import Stated, read
from tests.schedules.strategies import several

SESSIONS = Entry("cleanup-sessions", "cleanup-sessions", "Remove.", ("*/5 * * * *",))
TWICE = Entry("twice", "cleanup-old-sessions", "", ("7 2 * * *", "7 14 * * *"), "Asia/Tokyo")
OFTEN = Entry("often", "cleanup-sessions", "", ("*/2 * * * *",), options=("--limit", "10"))
PIP = "RUN pip install --no-cache-dir --root-user-action=ignore"


@settings(deadline=None, max_examples=60)
@given(several(st.just("UTC")))
def test_what_is_rendered_is_found_again(declared: list[Entry]) -> None:
    """Each entry that Railway can start, with the words of its command line."""
    said = [(entry, in_utc(entry, Clock("Railway", 5))[0]) for entry in declared]
    wanted = [Stated.of(entry._replace(expressions=crons)) for entry, crons in said if crons]
    assert read("railway", render(declared, Settings()).files) == wanted


def test_each_cron_is_a_service_with_a_file() -> None:
    """The first one has the name that Railway looks for; it lists the others."""
    files = render([SESSIONS, TWICE], Settings()).files
    assert list(files) == ["railway.toml", "railway/twice.toml", "railway/twice.2.toml"]
    assert all(f"#   {path}\n" in files["railway.toml"] for path in files)
    services = [tomllib.loads(text) for text in files.values()]
    assert [one["deploy"]["cronSchedule"] for one in services] == [
        "*/5 * * * *",
        "7 17 * * *",
        "7 5 * * *",
    ]
    for one in services:
        assert one["build"] == {"builder": "DOCKERFILE", "dockerfilePath": "Dockerfile"}
        assert one["deploy"]["restartPolicyType"] == "NEVER"
    assert services[0]["deploy"]["startCommand"] == "maint cleanup-sessions"


def test_below_five_minutes_is_left_out_with_a_note() -> None:
    """In the file, and in what the command warns of; the first file is the next service's."""
    rendered = render([OFTEN, SESSIONS], Settings())
    assert list(rendered.files) == ["railway.toml"]
    (note,) = rendered.notes
    assert (note.key, note.nearest) == ("often", 'the nearest is "*/6 * * * *"')
    assert str(note)[:60] in rendered.files["railway.toml"]
    assert render([OFTEN], Settings()).files == {}


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        (
            Settings(install="maintcli==0.1.0", config="[jobs.x]"),
            [
                "FROM python:3.13-slim",
                f"{PIP} maintcli==0.1.0",
                "COPY maint.toml /etc/maint/",
            ],
        ),
        (
            Settings(install="git+https://example.com/maint@c0ffee;id"),
            [
                "FROM python:3.13",  # with git in it
                f"{PIP} 'git+https://example.com/maint@c0ffee;id'",
            ],
        ),
        (
            Settings(image="ghcr.io/acme/maint:1", config="[jobs.x]"),
            ["FROM ghcr.io/acme/maint:1", "COPY maint.toml /etc/maint/"],
        ),
    ],
)
def test_another_repository_gets_a_dockerfile(given: Settings, lines: list[str]) -> None:
    """It installs maint, takes the settings along, and leaves the command to the service."""
    for settings_ in (given, given._replace(is_home=False)):
        files = render([SESSIONS], settings_).files
        assert list(files) == ["railway.toml", "railway/Dockerfile"]
        build = tomllib.loads(files["railway.toml"])["build"]
        assert build["dockerfilePath"] == "deploy/railway/Dockerfile"
        first, *instructions = files["railway/Dockerfile"].splitlines()
        assert first.startswith("# railway/Dockerfile: rendered from maint.toml: ")
        assert [line for line in instructions if line in lines] == lines
        assert ("COPY maint.toml /etc/maint/" in instructions) == bool(given.config)
        assert instructions[-1] == "ENTRYPOINT []"
        assert [found.key for found in read("railway", files)] == ["cleanup-sessions"]


def test_another_repository_has_to_say_where_maint_comes_from() -> None:
    """The Dockerfile of this one copies files that are in no other."""
    rendered = render([SESSIONS], Settings(is_home=False))
    assert (rendered.files, rendered.refused) == ({}, True)
    assert "[schedule] install" in str(rendered.notes[0])
