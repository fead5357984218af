"""Triggers in every scheduler's files: started once only, with all that they need"""

import json
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from maintcli.cli.scheduled import find, scheduled
from maintcli.config.load import load
from maintcli.config.scheduler import Settings
from maintcli.errors import ConfigError
from maintcli.schedules.model import Entry
from maintcli.schedules.targets import TARGETS
from maintcli.schedules.targets.kubernetes.job import from_deployed, one_off
from tests.schedules.readers import Stated, as_systemd, read, values

CONFIG = """\
[triggers.pending]
url = "${BACKEND_URL}/api/jobs/process-pending"
auth = "cron-secret"
every = "5m"

[triggers.cleanup]
url = "${API_BASE}/v1/admin/cleanup"
auth = "basic"
schedule = "0 4 * * *"
options = ["--no-ledger", "--timeout", "2m"]

[triggers.by-hand]
url = "https://h/"
auth = "none"

[triggers.off]
url = "https://h/"
auth = "none"
schedule = "0 4 * * *"
enabled = false

[[schedules]]
name = "pending-at-night"
job = "trigger-pending"
schedule = "30 3 * * *"
"""
NEEDS = {
    "trigger-pending": ("DATABASE_URL", "CRON_SECRET", "BACKEND_URL"),
    "trigger-cleanup": ("ADMIN_BASIC_USERNAME", "ADMIN_BASIC_PASSWORD", "API_BASE"),
    "pending-at-night": ("DATABASE_URL", "CRON_SECRET", "BACKEND_URL"),
}


@pytest.fixture
def entries(tmp_path: Path) -> dict[str, Entry]:
    """The triggers that are scheduled; no variable is set where they are rendered."""
    (tmp_path / "maint.toml").write_text(CONFIG)
    found = scheduled(load(environ={}, cwd=tmp_path))
    return {entry.key: entry for entry in found if entry.job.startswith("trigger-")}


def files(target: str, entries: dict[str, Entry]) -> dict[str, str]:
    """What is rendered."""
    return dict(TARGETS[target].render(list(entries.values()), Settings()).files)


def test_a_trigger_is_an_entry(entries: dict[str, Entry]) -> None:
    """With its command, which is never repeated by itself, and what it needs."""
    assert {key: entry.needs for key, entry in entries.items()} == NEEDS
    assert not any(entry.repeatable for entry in entries.values())
    assert entries["trigger-pending"].command == ("trigger", "pending")
    cleanup = entries["trigger-cleanup"]
    assert cleanup.command == ("trigger", "cleanup", "--no-ledger", "--timeout", "2m")
    assert cleanup.timeout_seconds == 120
    assert entries["pending-at-night"].job == "trigger-pending"


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_rendered_is_read_back(target: str, entries: dict[str, Entry]) -> None:
    """The same keys, times and command lines."""
    found = read(target, files(target, entries))
    stated = as_systemd if target == "systemd" else Stated.of
    assert {one.key: one for one in found} == {key: stated(entry) for key, entry in entries.items()}


@pytest.mark.parametrize("target", ["github", "railway", "render", "systemd", "kubernetes"])
def test_every_variable_is_named(target: str, entries: dict[str, Entry]) -> None:
    """Where people look for what to set up."""
    text = "".join(files(target, entries).values())
    for name in {name for needs in NEEDS.values() for name in needs}:
        assert name in text


def test_kubernetes_starts_it_once(entries: dict[str, Entry]) -> None:
    """No retry, no rule that ignores an eviction, no waiting for a lease; secrets by reference."""
    made = files("kubernetes", entries)
    for key, needs in NEEDS.items():
        cronjob = yaml.safe_load(made[f"{key}.yaml"])
        assert cronjob["spec"]["concurrencyPolicy"] == "Forbid"
        _once(cronjob["spec"]["jobTemplate"]["spec"], needs)
    assert "CRON_SECRET (cron-secret), BACKEND_URL (backend-url)" in made["kustomization.yaml"]


def test_kubernetes_says_when_it_starts_one_twice(entries: dict[str, Entry]) -> None:
    """At night when the clocks go back; a job of maint bears that, and is not spoken of."""
    trigger = entries["trigger-pending"]._replace(expressions=("30 2 * * *",), zone="Europe/Berlin")
    rendered = TARGETS["kubernetes"].render([trigger], Settings())
    said = "when the clocks of Europe/Berlin go back, Kubernetes starts '30 2 * * *' twice; "
    assert [str(note) for note in rendered.notes] == [
        f'trigger-pending: {said}the nearest is another hour, or timezone = "UTC".'
    ]
    assert said in rendered.files["kustomization.yaml"]
    assert "trigger-pending.yaml" in rendered.files
    for other in (trigger._replace(repeatable=True), trigger._replace(zone="UTC")):
        assert not TARGETS["kubernetes"].render([other], Settings()).notes


def _once(job: dict[str, Any], needs: tuple[str, ...]) -> None:
    pod = job["template"]["spec"]
    assert (job["backoffLimit"], pod["restartPolicy"]) == (0, "Never")
    assert "podFailurePolicy" not in job
    (container,) = pod["containers"]
    assert "--if-locked=wait" not in container["args"]
    held = {one["name"]: one["valueFrom"]["secretKeyRef"] for one in container["env"][:-1]}
    assert tuple(held) == needs
    for name, reference in held.items():
        assert reference == {"name": "maint", "key": name.lower().replace("_", "-")}


def test_one_off_jobs_are_started_once_too(entries: dict[str, Entry]) -> None:
    """Whether made of the declaration, or of what is deployed."""
    entry = entries["trigger-pending"]
    _once(yaml.safe_load(one_off(entry, ("-n",), Settings()))["spec"], entry.needs)
    deployed = yaml.safe_load(files("kubernetes", entries)["trigger-pending.yaml"])
    made = json.loads(from_deployed(json.dumps(deployed), entry, ("-n",)))
    _once(made["spec"], entry.needs)
    assert made["spec"]["template"]["spec"]["containers"][0]["args"] == ["trigger", "pending", "-n"]
    assert made["spec"]["activeDeadlineSeconds"] < 2 * (entry.timeout_seconds + 90)


def test_a_trigger_waits_for_a_lease_only_where_an_option_says_so(
    entries: dict[str, Entry],
) -> None:
    """Kubernetes adds nothing to the options of a trigger."""
    entry = entries["trigger-pending"]._replace(options=("--if-locked=wait",))
    made = yaml.safe_load(files("kubernetes", {entry.key: entry})["trigger-pending.yaml"])
    pod = made["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["args"] == [*entry.command]


def test_systemd_starts_it_once(entries: dict[str, Entry]) -> None:
    """No restart; secrets are credentials, other variables come from the file."""
    made = files("systemd", entries)
    service = made["maint-trigger-pending.service"]
    assert values(service, "Restart") == ("no",)
    assert values(service, "RestartSec") == values(service, "StartLimitBurst") == ()
    assert values(service, "LoadCredential") == (
        "database-url:/etc/maint/database-url",
        "cron-secret:/etc/maint/cron-secret",
    )
    assert "CRON_SECRET=file:%d/cron-secret" in values(service, "Environment")
    assert "# Needs in /etc/maint/env: BACKEND_URL.\n" in service
    assert "database-url" not in made["maint-trigger-cleanup.service"]


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="systemd-analyze is not installed: apt-get install systemd",
)
def test_systemd_takes_them(tmp_path: Path, entries: dict[str, Entry]) -> None:
    """Not a word of complaint."""
    made = TARGETS["systemd"].render(list(entries.values()), Settings(command="/bin/true")).files
    for name, text in made.items():
        (tmp_path / name).write_text(text)
    paths = [str(tmp_path / name) for name in made]
    command = ["systemd-analyze", "verify", *paths]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_github_hands_the_secrets_on(entries: dict[str, Entry]) -> None:
    """Each job those that it needs, and no other's."""
    workflow = yaml.safe_load(files("github", entries)["maintenance.yml"])
    for key, needs in NEEDS.items():
        step = workflow["jobs"][key]["steps"][-1]
        assert step["env"] == {name: f"${{{{ secrets.{name} }}}}" for name in needs}
        assert step["with"]["job"] == "trigger"
    assert workflow["jobs"]["trigger-pending"]["steps"][-1]["with"]["options"] == "pending"


def test_railway_and_cron(entries: dict[str, Entry]) -> None:
    """The command line that a user would type, with what cron wants of all."""
    made = files("railway", entries)
    service = tomllib.loads(made["railway/trigger-cleanup.toml"])["deploy"]
    assert service["startCommand"] == "maint trigger cleanup --no-ledger --timeout 2m"
    assert service["restartPolicyType"] == "NEVER"
    (crontab,) = files("crontab", entries).values()
    line = "maint trigger --quiet --env-file /etc/maint/env cleanup --no-ledger --timeout 2m\n"
    assert line in crontab


def test_a_trigger_cannot_be_divided(tmp_path: Path) -> None:
    """Nor does anybody get an entry that is off, unless asked for by name."""
    (tmp_path / "maint.toml").write_text(CONFIG)
    config = load(environ={}, cwd=tmp_path)
    assert find(config, "trigger-off").command == ("trigger", "off")
    (tmp_path / "maint.toml").write_text(f"{CONFIG}parallelism = 2\n")
    with pytest.raises(ConfigError, match="trigger-pending cannot be divided"):
        scheduled(load(environ={}, cwd=tmp_path))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[sweeps.trigger-pending]\ntable = "t"\ncolumn = "c"\nkeep = "1d"\n', "is the job of"),
        ('[sweeps.trigger]\ntable = "t"\ncolumn = "c"\nkeep = "1d"\n', "is a command of maint"),
        ('[[schedules]]\nname = "trigger-off"\njob = "trigger-pending"\nevery = "1h"\n', "name"),
        ('[[schedules]]\nname = "x"\njob = "pending"\nevery = "1h"\n', "there is no job 'pending'"),
        ('[jobs.trigger-off]\ntimeout = "5s"\n', "take it out; [triggers.off] enables"),
    ],
)
def test_names_that_are_taken(tmp_path: Path, text: str, words: str) -> None:
    """One sentence, for every command."""
    (tmp_path / "maint.toml").write_text(f"{CONFIG}\n{text}")
    with pytest.raises(ConfigError) as caught:
        scheduled(load(environ={}, cwd=tmp_path))
    assert words in str(caught.value)
