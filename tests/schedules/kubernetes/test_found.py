"""What stands in a base, or is deployed, read back"""

import json
import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from maintcli.errors import ConfigError
from maintcli.schedules.entry import Entry, Found, Settings
from maintcli.schedules.targets.kubernetes import parse, render
from tests.schedules.kubernetes.made import ANALYTICS, SESSIONS, entries, manifests
from tests.schedules.kubernetes.test_base import kustomized

FILES = render([SESSIONS, ANALYTICS], Settings()).files
BOTH = [Found.of(SESSIONS), Found.of(ANALYTICS)]


def deployed(files: dict[str, str]) -> str:
    """As `kubectl get cronjobs -o json` tells it: by name, with what the server adds."""
    jobs = [m for m in manifests(files).values() if m["kind"] == "CronJob"]
    for job in jobs:
        job["status"] = {"lastScheduleTime": "2026-01-01T00:00:00Z"}
        job["spec"]["suspend"] = False
        job["metadata"]["namespace"] = "jobs"
    jobs.sort(key=lambda job: job["metadata"]["name"])
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": jobs})


@settings(deadline=None, max_examples=100)
@given(st.lists(entries(), max_size=3, unique_by=lambda entry: entry.key))
def test_what_is_rendered_is_found_again(declared: list[Entry]) -> None:
    """Whatever the key, the times and the options: in the files, and in the cluster."""
    files = dict(render(declared, Settings()).files)
    wanted = [Found.of(entry) for entry in declared]
    assert parse(files) == wanted
    assert sorted(parse({"deployed": deployed(files)})) == sorted(wanted)


def test_what_kustomize_writes_is_read(tmp_path: Path) -> None:
    """Several documents in one file, lists without an indent, other quotes."""
    folder = tmp_path / "base"
    folder.mkdir()
    kustomized(folder, FILES)
    text = subprocess.run(
        ["kubectl", "kustomize", folder], check=True, capture_output=True, text=True
    ).stdout
    assert sorted(parse({"all.yaml": text})) == sorted(BOTH)


def test_a_changed_file_is_found_as_it_is() -> None:
    """The note of what was declared counts only while the schedule says the same."""
    sunday = SESSIONS._replace(expressions=("0 3 * * 7",))
    files = dict(render([sunday], Settings()).files)
    assert parse(files) == [Found.of(sunday)]
    text = files["cleanup-sessions.yaml"].replace('schedule: "0 3 * * 0"', 'schedule: "0 4 * * 0"')
    assert text != files["cleanup-sessions.yaml"]
    (found,) = parse(files | {"cleanup-sessions.yaml": text})
    assert found.expressions == ("0 4 * * 0",)


def test_a_file_that_the_kustomization_does_not_list_is_not_applied() -> None:
    """So it does not count."""
    files = dict(FILES)
    files["kustomization.yaml"] = files["kustomization.yaml"].replace(
        "  - cleanup-sessions.yaml\n", ""
    )
    assert parse(files) == BOTH[1:]


def test_a_suspended_one_is_not_scheduled() -> None:
    """It starts nothing."""
    text = FILES["cleanup-sessions.yaml"].replace(
        "  timeZone: UTC", "  suspend: true\n  timeZone: UTC"
    )
    assert parse({"a.yaml": text}) == []


HAND_MADE = {
    "apiVersion": "batch/v1",
    "kind": "CronJob",
    "metadata": {"name": "nightly"},
    "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": {"spec": {}}}}},
}


@pytest.mark.parametrize(
    ("container", "options"),
    [
        ({"name": "x", "image": "ghcr.io/me/maint:1", "args": ["cleanup-sessions"]}, ()),
        ({"name": "x", "image": "me/app@sha256:0", "command": ["/opt/bin/maint", "cleanup-sessions", "--limit", "$$5"]}, ("--limit", "$5")),
        ({"name": "x", "image": "me/app", "command": ["maint"], "args": ["cleanup-sessions", "--if-locked=wait"]}, ("--if-locked=wait",)),
    ],
)  # fmt: skip
def test_one_that_was_made_by_hand_is_found(
    container: dict[str, object], options: tuple[str, ...]
) -> None:
    """By its image or its command, under its own name; its words are as they are."""
    manifest = json.loads(json.dumps(HAND_MADE))
    manifest["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"] = [container]
    wanted = [Found("nightly", "cleanup-sessions", ("0 3 * * *",), "UTC", options)]
    assert parse({"one.json": json.dumps(manifest)}) == wanted
    assert parse({"one.yaml": yaml.safe_dump(manifest)}) == wanted


@pytest.mark.parametrize("image", ["busybox", "maintenance", "ghcr.io/maint/other:maint"])
def test_those_of_others_are_left_out(image: str) -> None:
    """They have another image, and another command."""
    manifest = json.loads(json.dumps(HAND_MADE))
    pod = manifest["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    pod["containers"] = [{"name": "maint", "image": image, "args": ["cleanup"]}]
    assert parse({"one.json": json.dumps(manifest)}) == []


@pytest.mark.parametrize("text", ['{"kind": ', "a: &x\n", "kind: CronJob\n spec:\n"])
def test_what_cannot_be_read_is_named(text: str) -> None:
    """The file, and where YAML is meant the line."""
    with pytest.raises(ConfigError, match=r"^deploy/a.yaml cannot be read: "):
        parse({"deploy/a.yaml": text})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "kind: CronJob\n",
        "[]",
        '{"kind": "List", "items": [1, null]}',
        '{"kind": "CronJob", "spec": []}',
    ],
)
def test_what_holds_nothing_is_nothing(text: str) -> None:
    """No CronJob, or one that starts nothing."""
    assert parse({"a.yaml": text}) == []
