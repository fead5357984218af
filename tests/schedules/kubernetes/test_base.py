"""The Kustomize base: what the API server would accept, and what it would not notice"""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from maintcli.config.scheduler import Settings
from maintcli.errors import Code, ConfigError
from maintcli.schedules.model import Entry
from maintcli.schedules.targets.kubernetes.base import render
from maintcli.schedules.targets.kubernetes.job import limits
from tests.schedules.kubernetes import robfig
from tests.schedules.kubernetes.made import ANALYTICS, SESSIONS, entries, manifests
from tests.tools.test_examples import blocks

ROOT = Path(__file__).parents[3]
VERSIONS = [f"1.{minor}" for minor in range(29, 38)]
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?")
BASE = render([SESSIONS, ANALYTICS], Settings())


def cronjobs(files: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Each CronJob by its file."""
    return {n: m for n, m in manifests(files).items() if m["kind"] == "CronJob"}


def pod(cronjob: Mapping[str, Any]) -> dict[str, Any]:
    """The `spec` of its pods."""
    found: dict[str, Any] = cronjob["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_every_kubernetes_accepts_the_manifests(version: str) -> None:
    """By its own schema, without a key that it does not know."""
    kinds = []
    for manifest in manifests(BASE.files).values():
        if manifest["kind"] != "Kustomization":
            assert kubernetes_validate.validate(manifest, version, strict=True) == version
            kinds.append(manifest["kind"])
    assert kinds == ["Deployment", "CronJob", "CronJob", "CronJob"]


def test_the_schemas_notice_a_key_that_they_do_not_know() -> None:
    """So that the test above can fail."""
    (first, *_) = cronjobs(BASE.files).values()
    first["spec"]["jobTemplate"]["spec"]["backofLimit"] = 2
    with pytest.raises(kubernetes_validate.ValidationError, match="backofLimit"):
        kubernetes_validate.validate(first, "1.37", strict=True)


@settings(deadline=None, max_examples=60)
@given(st.lists(entries(), max_size=3, unique_by=lambda entry: entry.key))
def test_whatever_is_declared_can_be_applied(given_entries: list[Entry]) -> None:
    """Names are labels and tell CronJobs apart; what the schemas let pass is right, too."""
    files = render(given_entries, Settings()).files
    found = cronjobs(files)
    names = [cronjob["metadata"]["name"] for cronjob in found.values()]
    assert len(set(names)) == sum(len(entry.expressions) for entry in given_entries)
    for file, cronjob in found.items():
        spec, job = cronjob["spec"], cronjob["spec"]["jobTemplate"]["spec"]
        assert LABEL.fullmatch(cronjob["metadata"]["name"])
        assert len(f"{cronjob['metadata']['name']}-29384400-{job.get('completions', 1) - 1}") <= 64
        assert file == f"{cronjob['metadata']['name']}.yaml"
        assert spec["concurrencyPolicy"] in {"Allow", "Forbid", "Replace"}
        assert spec["startingDeadlineSeconds"] >= 10  # the controller looks every 10 s
        for text, bounds in zip(spec["schedule"].split(), robfig.BOUNDS, strict=True):
            robfig.field(text, *bounds)
    assert set(yaml.safe_load(files["kustomization.yaml"])["resources"]) == set(found)


@pytest.mark.parametrize("other", ["a-2", "A", "kustomization", "example-readyz", "a" * 60])
def test_names_do_not_collide(other: str) -> None:
    """With that of a second expression, another spelling, another file; nor are they cut alike."""
    twice = SESSIONS._replace(key="a", expressions=("1 1 * * *", "2 2 * * *"))
    files = render([twice, SESSIONS._replace(key=other)], Settings()).files
    names = {cronjob["metadata"]["name"] for cronjob in cronjobs(files).values()}
    assert len(names) == 3
    assert len(files) == 6


@settings(deadline=None, max_examples=5)  # it reads its schema anew each time
@given(entries())
def test_whatever_is_declared_keeps_to_the_schema(entry: Entry) -> None:
    """No text of a key, a summary or an option changes what is a key and what a value."""
    (found, *_) = cronjobs(render([entry], Settings()).files).values()
    assert kubernetes_validate.validate(found, VERSIONS[-1], strict=True)


def test_a_pod_is_restricted() -> None:
    """The fields that Pod Security "restricted" asks for, and a root that cannot be written."""
    for cronjob in cronjobs(BASE.files).values():
        spec = pod(cronjob)
        (container,) = spec["containers"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert all("secret" not in volume for volume in spec["volumes"])
        assert [v["valueFrom"] for v in container["env"] if v["name"] == "DATABASE_URL"] == [
            {"secretKeyRef": {"name": "maint", "key": "database-url"}}
        ]


@pytest.mark.parametrize(
    ("file", "action"), [("cleanup-sessions", "FailJob"), ("cleanup-old-analytics", "FailIndex")]
)
def test_the_exit_codes_decide_about_another_try(file: str, action: str) -> None:
    """As errors.py says: a disruption first, which is no failure; then what is final."""
    job = cronjobs(BASE.files)[f"{file}.yaml"]["spec"]["jobTemplate"]["spec"]
    first, second = job["podFailurePolicy"]["rules"]
    assert first == {
        "action": "Ignore",
        "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
    }
    assert (second["action"], second["onExitCodes"]["containerName"]) == (action, "maint")
    final = set(second["onExitCodes"]["values"])
    assert final == {code for code in Code if code.kubernetes == "FailJob"}
    assert not final & {Code.OK, Code.FAILED, Code.UNREACHABLE, Code.TRY_AGAIN, Code.SIGTERM}


def test_the_deadline_covers_every_try() -> None:
    """Each with its whole timeout, its start, its end, and the waits of 10 and 20 s between."""
    job = cronjobs(BASE.files)["cleanup-sessions.yaml"]["spec"]["jobTemplate"]["spec"]
    tries = job["backoffLimit"] + 1
    assert job["activeDeadlineSeconds"] > tries * (60 + pod_grace(BASE.files)) + 10 + 20
    seconds = [limits(SESSIONS._replace(timeout_seconds=one)) for one in (60, 60.5)]
    assert seconds[0]["activeDeadlineSeconds"] < seconds[1]["activeDeadlineSeconds"]


def pod_grace(files: Mapping[str, str]) -> int:
    """Seconds from SIGTERM to SIGKILL."""
    return int(pod(cronjobs(files)["cleanup-sessions.yaml"])["terminationGracePeriodSeconds"])


@pytest.mark.parametrize(
    ("expression", "seconds"), [("* * * * *", 60), ("*/5 * * * *", 300), ("0 3 * * *", 3600)]
)
def test_a_missed_start_is_made_up_for_until_the_next(expression: str, seconds: int) -> None:
    """An hour at most."""
    files = render([SESSIONS._replace(expressions=(expression,))], Settings()).files
    job = cronjobs(files)["cleanup-sessions.yaml"]
    assert job["spec"]["startingDeadlineSeconds"] == seconds


def test_a_heavy_sweep_is_shared_by_several_pods() -> None:
    """An Indexed Job with as many parts as pods, each told which is its own."""
    first, second = (cronjobs(BASE.files)[f"cleanup-old-analytics{n}.yaml"] for n in ("", "-2"))
    job = first["spec"]["jobTemplate"]["spec"]
    assert (job["completionMode"], job["completions"], job["parallelism"]) == ("Indexed", 4, 4)
    assert job["backoffLimitPerIndex"] == 2
    assert "backoffLimit" not in job
    args = pod(first)["containers"][0]["args"]
    assert args == [
        "cleanup-old-analytics",
        "--older-than",
        "30d",
        "--shard",
        "auto/4",
        "--if-locked=wait",
    ]
    assert (first["spec"]["schedule"], second["spec"]["schedule"]) == ANALYTICS.expressions
    assert first["spec"]["timeZone"] == "Europe/Berlin"


def test_a_try_waits_for_the_lease_of_the_one_before() -> None:
    """A pod that was killed leaves one; skipping would look like success. What is said stays."""
    files = render([SESSIONS._replace(options=("--if-locked", "fail"))], Settings()).files
    assert (
        pod(cronjobs(BASE.files)["cleanup-sessions.yaml"])["containers"][0]["args"][-1]
        == "--if-locked=wait"
    )
    assert pod(cronjobs(files)["cleanup-sessions.yaml"])["containers"][0]["args"][1:] == [
        "--if-locked",
        "fail",
    ]


def test_what_kubernetes_cannot_say_is_left_out_and_noted() -> None:
    """In the kustomization as a comment, and for the warning."""
    rendered = render([SESSIONS._replace(expressions=("0 3 L * *", "0 3 */2 * 1"))], Settings())
    assert not cronjobs(rendered.files)
    first, second = (str(note) for note in rendered.notes)
    assert (
        first
        == 'cleanup-sessions: Kubernetes cannot say "0 3 L * *", which is left out; every month has a 28th day.'
    )
    assert "a plain star" in second
    nth = render([SESSIONS._replace(expressions=("0 3 * * 5L", "0 3 * * 1#2"))], Settings())
    assert all("every week has that weekday" in str(note) for note in nth.notes)
    assert f"# {first}\n# {second}\n" in rendered.files["kustomization.yaml"]
    assert yaml.safe_load(rendered.files["kustomization.yaml"])["resources"] == []


def test_settings_say_where_the_jobs_run() -> None:
    """Image, namespace, secret and the configuration."""
    chosen = Settings(
        image="ghcr.io/me/maint@sha256:0a",
        namespace="jobs",
        secret="db",  # noqa: S106 - a name
        config='plugins = ["a"]',
    )
    files = render([SESSIONS], chosen).files
    container = pod(cronjobs(files)["cleanup-sessions.yaml"])["containers"][0]
    assert container["image"] == chosen.image
    assert container["env"][0]["valueFrom"]["secretKeyRef"]["name"] == "db"
    assert yaml.safe_load(files["kustomization.yaml"])["namespace"] == "jobs"
    assert files["maint.toml"] == 'plugins = ["a"]\n'


@pytest.mark.parametrize(
    "written",
    [
        'url = "postgresql://a:hunter2@c/d"',
        'url = "redis://:hunter2@cache"',
        'url = "postgres+asyncpg://u:hunter2%40@h"',
        'url = "postgresql://a@c/d?password=hunter2"',
        'url = "postgresql://a@c/d?sslmode=require&pass%77ord=hunter2"',
        'url = "postgresql://a@c/d?sslkey=k&sslpassword=hunter2"',
        'url = "host=db user=u password=hunter2 dbname=x"',
        "url = \"host=db password = 'hunter2'\"",
        "url = 'host=db password=hunter2'",
        'url = """\\\n  postgresql://a:\\\n  hunter2@c/d"""',
        "url = '''\nhost=db\npassword=hunter2\n'''",
        'url = "postgresql://a:hunter2 x@c/d"',
        'url = "postgresql://a@c/d?pasword=1&password=hunter2"',
        'url = "postgresql://a:${DB_PASSWORD:-hunter2}@c/d"',
        'url = "postgresql://a:${DB_PASSWORD}hunter2@c/d"',
        'url = "${DATABASE_URL:-postgresql://a:hunter2@c/d}"',
        'url = "postgresql://a:$${hunter2}@c/d"',
        'url = "host=db password=${DB_PASSWORD:-hunter2}"',
        '"url" = "\\u0070ostgresql://a:hunter2@c/d"',
        '[databases.reporting]\nurl = "postgresql://a:hunter2@c/d"',
        '[triggers.x]\nauth = "none"\nurl = "https://u:hunter2@h/p"',
        '[triggers.x]\nauth = "none"\nurl = "https://hunter2@h/p"',
        '[triggers.x]\nauth = "none"\nurl = "https://h/p?token=hunter2"',
        '[triggers.x]\nauth = "none"\nurl = "https://h/p?a=1&code=hunter2"',
        '[triggers.x]\nauth = "none"\nurl = "${BACKEND_URL}/p?token=hunter2"',
        '[triggers.x]\nauth = "none"\nurl = "${B}/p?t=${CRON_TOKEN:-hunter2}"',
        '[jobs.theirs]\noptions = ["--to", "smtp://u:hunter2@h"]',
        '[jobs.theirs]\nsmtp-password = "hunter2"',
        '# url = "postgresql://a:hunter2@c/d"',
        "# password = hunter2",
        "# smtp_password = 'hunter2'",
        '# token = "hunter2"',
        '[jobs.cleanup-sessions]\narchive = "s3://b/p?secret_access_key=hunter2"',
        "[jobs.x]  # postgresql://a:hunter2@c/d",
    ],
)
def test_a_password_does_not_get_into_a_configmap(written: str) -> None:
    """In whatever spelling the program reads; it is not shown, and its place is named."""
    with pytest.raises(ConfigError, match=r"maint\.toml.* holds a password") as raised:
        render([], Settings(config=f"[database]\n{written}\n"))
    assert "hunter2" not in str(raised.value)


def test_the_place_of_a_password_is_named() -> None:
    """By its key, or the line of a comment."""
    with pytest.raises(ConfigError, match=r"^maint\.toml \[databases\.main\] url holds a password"):
        render([], Settings(config='[databases.main]\nurl = "host=h password=x"\n'))
    with pytest.raises(ConfigError, match=r"^Line 2 of maint\.toml, in a comment, holds"):
        render([], Settings(config="\n# postgresql://u:p@h/d\n"))


@pytest.mark.parametrize(
    "written",
    [
        'url = "postgresql://a@c/d"',
        'url = "postgresql://a:${PASSWORD}@c:${PORT}/d"',
        'url = "postgresql://${USER}:${PASSWORD}@${HOST}/${NAME}?sslmode=${MODE:-require}"',
        'url = "${DATABASE_URL}"',
        'url = "env:DATABASE_URL"',
        'url = "file:/run/secrets/password"',
        'url = "host=db user=u password=${DB_PASSWORD} dbname=x"',
        '[triggers.x]\nauth = "bearer"\nsecret = "env:TOKEN"\nurl = "${B}/p?token=${T}&a=1"',
        '[triggers.x]\nauth = "basic"\nusername = "admin"\nurl = "https://h/p?page=2"',
        '[schedule]\nsecret = "maint"',
        "[sweeps.resets]\nwhere = \"password = '' OR token IS NULL\"",
        '[tables.users.columns]\npassword = "pw"',
        '# url = "postgresql://a:${PASSWORD}@c/d"',
        '# secret = "maint"',
        "# token = \"env:TOKEN\", password = ''",
        "# DATABASE_URL stands in the Secret, key database-url",
    ],
)
def test_what_is_filled_in_later_is_no_password(written: str) -> None:
    """Nor is a user's name, a column's, or the name of a Secret one."""
    text = f"[database]\n{written}\n"
    assert render([], Settings(config=text)).files["maint.toml"] == text


def test_kustomize_builds_the_base(tmp_path: Path) -> None:
    """With the ConfigMap under the name that the pods ask for, and without the example."""
    built = kustomized(tmp_path, BASE.files)
    assert [m["kind"] for m in built] == ["ConfigMap", "CronJob", "CronJob", "CronJob"]
    assert built[0]["metadata"]["name"] == "maint-config"
    assert built[0]["data"] == {"maint.toml": BASE.files["maint.toml"]}
    assert {pod(m)["volumes"][0]["configMap"]["name"] for m in built[1:]} == {"maint-config"}


def kustomized(folder: Path, files: Mapping[str, str]) -> list[dict[str, Any]]:
    """What `kubectl kustomize` makes of them."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    for name, text in files.items():
        (folder / name).write_text(text)
    found = subprocess.run(
        ["kubectl", "kustomize", folder], check=True, capture_output=True, text=True
    )
    return list(yaml.safe_load_all(found.stdout))


@pytest.mark.parametrize("page", ["README.md", "docs/kubernetes.md"])
def test_the_overlays_of_the_documentation_are_built(tmp_path: Path, page: str) -> None:
    """On the committed base: the image and the namespace are the overlay's, and patches fit."""
    overlay = tmp_path / "overlays" / "production"
    overlay.mkdir(parents=True)
    shutil.copytree(ROOT / "deploy" / "kubernetes", tmp_path / "deploy" / "kubernetes")
    (text,) = (b for b in blocks(ROOT / page, "yaml") if "kind: Kustomization" in b)
    built = kustomized(overlay, {"kustomization.yaml": text})
    jobs = [manifest for manifest in built if manifest["kind"] == "CronJob"]
    assert len(jobs) == len(list((ROOT / "deploy" / "kubernetes").glob("*.yaml"))) - 2
    assert {job["metadata"]["namespace"] for job in built} == {"jobs"}
    assert {pod(job)["containers"][0]["image"] for job in jobs} == {"ghcr.io/OWNER/maint:0.1.0"}
    for job in jobs:
        kubernetes_validate.validate(job, VERSIONS[-1], strict=True)
