"""A Job made once by hand, with arguments that no CronJob has"""

import json
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from maintcli.config.scheduler import Settings
from maintcli.errors import ConfigError, Usage
from maintcli.schedules.targets.kubernetes.base import render
from maintcli.schedules.targets.kubernetes.job import from_deployed, limits, one_off
from tests.parts.inside import Inside
from tests.schedules.kubernetes.made import ANALYTICS, SESSIONS, manifests

VERSIONS = ["1.29", "1.37"]
FILES = render([SESSIONS, ANALYTICS], Settings()).files


@pytest.mark.parametrize("version", VERSIONS)
def test_it_is_the_cronjobs_own_job_with_other_arguments(version: str) -> None:
    """All else is as scheduled, so that what works by night works by hand."""
    job = yaml.safe_load(one_off(SESSIONS, ["--stale-after", "1h"], Settings()))
    kubernetes_validate.validate(job, version, strict=True)
    scheduled = manifests(FILES)["cleanup-sessions.yaml"]["spec"]["jobTemplate"]["spec"]
    container = job["spec"]["template"]["spec"]["containers"][0]
    assert container["args"] == ["cleanup-sessions", "--stale-after", "1h", "--if-locked=wait"]
    container["args"] = ["cleanup-sessions", "--if-locked=wait"]
    assert job["metadata"]["generateName"] == "cleanup-sessions-now-"
    assert job["spec"].pop("ttlSecondsAfterFinished") == 86_400
    assert job["spec"] == scheduled


@pytest.mark.parametrize("options", [["--timeout", "2h"], ["--timeout=2h"]])
def test_kubernetes_grants_the_timeout_that_is_asked_for(options: list[str]) -> None:
    """Else it would end a long run that was meant."""
    longer = SESSIONS._replace(timeout_seconds=7200)
    job = yaml.safe_load(one_off(SESSIONS, options, Settings(namespace="jobs")))
    assert job["spec"]["activeDeadlineSeconds"] == limits(longer)["activeDeadlineSeconds"]
    assert job["metadata"]["namespace"] == "jobs"


def test_a_timeout_that_cannot_be_read_is_refused() -> None:
    """Before anything is printed."""
    with pytest.raises(Usage, match=r"^--timeout: "):
        one_off(SESSIONS, ["--timeout", "soon"], Settings())


@pytest.mark.parametrize(
    ("options", "mode"),
    [(["--older-than", "1y"], "Indexed"), (["--dry-run"], None), (["--shard=0/2"], None)],
)
def test_it_is_shared_as_by_night(options: list[str], mode: str | None) -> None:
    """But a dry run is one, and a shard that is named is that one."""
    job = yaml.safe_load(one_off(ANALYTICS, options, Settings()))
    kubernetes_validate.validate(job, "1.37", strict=True)
    assert job["spec"].get("completionMode") == mode
    deployed = manifests(FILES)["cleanup-old-analytics.yaml"]
    again = json.loads(from_deployed(json.dumps(deployed), ANALYTICS, options))
    kubernetes_validate.validate(again, "1.37", strict=True)
    assert again["spec"] == job["spec"]


def test_what_an_overlay_changed_is_kept() -> None:
    """The image, here, and where it is; what the server keeps of the CronJob is not."""
    deployed = manifests(FILES)["cleanup-sessions.yaml"]
    deployed["metadata"] |= {"namespace": "jobs", "uid": "1", "resourceVersion": "2"}
    pod = deployed["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    pod["containers"][0]["image"] = "ghcr.io/me/maint:2"
    job = json.loads(from_deployed(json.dumps(deployed), SESSIONS, ["--limit", "$(5)"]))
    container = job["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "ghcr.io/me/maint:2"
    assert container["args"] == ["cleanup-sessions", "--limit", "$$(5)", "--if-locked=wait"]
    assert set(job["metadata"]) == {"generateName", "labels", "namespace"}
    assert job["kind"] == "Job"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"spec": {"jobTemplate": null}}',
        '{"items": []}',
        '{"metadata": {}, "spec": {"jobTemplate": {"spec": []}}}',
        json.dumps(manifests(FILES)["cleanup-sessions.yaml"] | {"metadata": 3}),
        '{"a":' * 100_000,
    ],
)
def test_what_is_no_cronjob_is_refused(text: str) -> None:
    """With the command that prints one."""
    with pytest.raises(ConfigError, match="kubectl get cronjob cleanup-sessions -o json"):
        from_deployed(text, SESSIONS, [])


def test_the_command_prints_it(inside: Inside) -> None:
    """`kubectl create -f -` takes it from there, or JSON of the one that is deployed."""
    printed = inside(
        "schedule", "run-now", "cleanup-sessions", "--", "--dry-run", "--stale-after", "1h"
    )
    assert printed.code == 0, printed.err
    job = yaml.safe_load(printed.out)
    args = job["spec"]["template"]["spec"]["containers"][0]["args"]
    assert args == ["cleanup-sessions", "--dry-run", "--stale-after", "1h", "--if-locked=wait"]
    file = inside.folder / "deployed.json"
    file.write_text(json.dumps(manifests(FILES)["cleanup-sessions.yaml"]))
    same = inside(
        "schedule", "run-now", "cleanup-sessions", "--deployed", str(file), "--", "--dry-run"
    )
    assert same.code == 0, same.err
    assert same.json["kind"] == "Job"


ROOT = Path(__file__).parents[3]


def test_the_committed_base_is_the_rendered_one(inside: Inside) -> None:
    """No file is missing, none is left over."""
    there = inside(
        "schedule",
        "render",
        "--target",
        "kubernetes",
        "--config",
        str(ROOT / "deploy/maint.toml"),
        "--output",
        "here",
    )
    assert there.code == 0, there.err
    committed, rendered = (
        {p.name: p.read_text() for p in folder.iterdir()}
        for folder in (ROOT / "deploy/kubernetes", inside.folder / "here")
    )
    assert committed == rendered
    jobs = [m for m in manifests(committed).values() if m["kind"] == "CronJob"]
    assert "Indexed" in {job["spec"]["jobTemplate"]["spec"].get("completionMode") for job in jobs}
