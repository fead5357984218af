"""CronJobs as a cluster has them, compared with those that are declared"""

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maintcli.config.scheduler import Settings
from maintcli.schedules.check.kubernetes import check
from maintcli.schedules.model import Entry
from maintcli.schedules.targets.kubernetes.base import render
from tests.schedules.kubernetes.made import ANALYTICS, SESSIONS, entries, manifests

BOTH = [SESSIONS, ANALYTICS]


def cronjobs(declared: list[Entry]) -> list[dict[str, Any]]:
    """The rendered CronJobs, as PyYAML reads them."""
    made = manifests(render(declared, Settings()).files).values()
    return [manifest for manifest in made if manifest["kind"] == "CronJob"]


def listed(jobs: list[dict[str, Any]]) -> str:
    """As `kubectl get cronjobs -o json` prints it: by name, with what the server adds."""
    for job in jobs:
        job["status"] = {"lastScheduleTime": "2026-01-01T00:00:00Z"}
        job["spec"].setdefault("suspend", False)
        job["metadata"]["namespace"] = "jobs"
    jobs.sort(key=lambda job: job["metadata"]["name"])
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": jobs})


def found(declared: list[Entry], text: str) -> list[str]:
    """Kind and key of each finding."""
    return [f"{one.kind} {one.key}" for one in check(declared, {"-": text}, Settings())]


@settings(deadline=None, max_examples=100)
@given(st.lists(entries(), max_size=3, unique_by=lambda entry: entry.key))
def test_what_is_rendered_agrees_with_the_declaration(declared: list[Entry]) -> None:
    """Whatever the key, the times and the options; and each manifest says all of its entry."""
    jobs = cronjobs(declared)
    assert found(declared, listed(jobs)) == []
    by_key = {entry.key: entry for entry in declared}
    assert len(jobs) == sum(len(entry.expressions) for entry in declared)
    for job in jobs:
        notes = job["metadata"]["annotations"]
        entry = by_key[notes["maintcli/entry"]]
        number = int(notes.get("maintcli/number", 1))
        expression = notes.get("maintcli/schedule", job["spec"]["schedule"])
        assert (expression, job["spec"]["timeZone"]) == (entry.expressions[number - 1], entry.zone)
        (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
        words = [word.replace("$$", "$") for word in container["args"]]
        assert words[: len(entry.command)] == [*entry.command]
        assert set(words[len(entry.command) :]) <= {
            "--shard",
            f"auto/{entry.parallelism}",
            "--if-locked=wait",
        }


def test_a_changed_schedule_is_found_whatever_its_annotations_say() -> None:
    """What counts is what Kubernetes starts."""
    sunday = SESSIONS._replace(expressions=("0 3 * * 7",))
    (job,) = cronjobs([sunday])
    assert job["spec"]["schedule"] == "0 3 * * 0"
    job["spec"]["schedule"] = "0 4 * * 0"
    (one,) = check([sunday], {"-": listed([job])}, Settings())
    assert str(one.kind) == "changed"
    assert one.what == "schedule is '0 4 * * 0', and would be '0 3 * * 0'"


def test_one_without_annotations_is_known_by_its_name() -> None:
    """Also the second schedule of an entry."""
    jobs = cronjobs(BOTH)
    for job in jobs:
        del job["metadata"]["annotations"]
    assert found(BOTH, listed(jobs)) == []


def test_each_schedule_of_an_entry_is_a_cronjob() -> None:
    """One that is gone is missing, one that is there twice is foreign."""
    first, second, sessions = cronjobs([ANALYTICS, SESSIONS])
    assert found(BOTH, listed([first, sessions])) == ["missing cleanup-old-analytics"]
    again = deepcopy(second)
    again["metadata"]["name"] = "again"
    assert found(BOTH, listed([first, second, sessions, again])) == [
        "foreign cleanup-old-analytics"
    ]


HAND_MADE = {
    "apiVersion": "batch/v1",
    "kind": "CronJob",
    "metadata": {"name": "nightly"},
    "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": {"spec": {}}}}},
}


def hand_made(container: dict[str, object]) -> str:
    """A CronJob that runs `container`."""
    manifest = json.loads(json.dumps(HAND_MADE))
    manifest["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"] = [container]
    return json.dumps(manifest)


@pytest.mark.parametrize(
    ("container", "command"),
    [
        ({"name": "x", "image": "ghcr.io/me/maint:1", "args": ["cleanup-sessions"]}, "maint cleanup-sessions"),
        ({"name": "x", "image": "me/app@sha256:0", "command": ["/opt/bin/maint", "cleanup-sessions", "--limit", "$$5"]}, "maint cleanup-sessions --limit '$5'"),
        ({"name": "x", "image": "me/app", "command": ["maint"], "args": ["cleanup-sessions", "-q"]}, "maint cleanup-sessions -q"),
    ],
)  # fmt: skip
def test_one_that_was_made_by_hand_is_foreign(container: dict[str, object], command: str) -> None:
    """It is known by its image or its command."""
    (one,) = check([], {"-": hand_made(container)}, Settings())
    assert (one.kind, one.key) == ("foreign", "nightly")
    assert one.what == f"{command} at 0 3 * * * is there, not declared"


@pytest.mark.parametrize("image", ["busybox", "maintenance", "ghcr.io/maint/other:maint"])
def test_those_of_others_are_left_out(image: str) -> None:
    """They have another image, and another command."""
    text = hand_made({"name": "maint", "image": image, "args": ["cleanup"]})
    assert found([], text) == []


@pytest.mark.parametrize(
    "text",
    ['{"kind": "List", "items": []}', '{"kind": "CronJob", "spec": []}'],
)
def test_a_cluster_without_ours_has_nothing_foreign(text: str) -> None:
    """No CronJob, or one that starts nothing."""
    assert found([], text) == []
    assert found([SESSIONS], text) == ["missing cleanup-sessions"]


@pytest.mark.parametrize("text", ['{"kind": ', "a: &x\n", "", "[]", "kind: CronJob\n"])
def test_what_is_no_list_of_cronjobs_is_refused(text: str) -> None:
    """With the command that prints one."""
    with pytest.raises(ValueError, match="kubectl get cronjobs -o json"):
        found([SESSIONS], text)
