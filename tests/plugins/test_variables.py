"""A job declares its secrets and variables: schedulers hand them on, and no run starts without."""

from pathlib import Path

import psycopg
import pytest
import yaml

from maintcli.api import Run, job
from maintcli.schedules.targets import TARGETS
from tests.parts.enabled import enable
from tests.parts.inside import Inside
from tests.parts.package import install
from tests.schedules.readers import values

Conn = psycopg.Connection[tuple[object, ...]]
CANARY = "canary-5f2b"
JOB = '''\
from dataclasses import dataclass

from maintcli.api import Run, job


@dataclass(frozen=True)
class Sent:
    length: int
    host: str


@job(schedule="10 2 * * *", group="Mail", secrets=("SMTP_PASSWORD",), variables=("SMTP_HOST",))
def send_mail(run: Run) -> Sent:
    """Send mail."""
    run.warn("the password is " + run.secret("SMTP_PASSWORD"))
    return Sent(len(run.secret("SMTP_PASSWORD")), run.variable("SMTP_HOST"))


@job(schedule=None, group="Mail", secrets=("SMTP_PASSWORD",))
def undeclared(run: Run) -> None:
    """Read what is not declared."""
    run.variable("SMTP_HOST")
'''
SET = {"SMTP_PASSWORD": CANARY, "SMTP_HOST": "mail.example"}


@pytest.fixture
def mail(site: Path, inside: Inside) -> Inside:
    """A package with the job send-mail, listed and enabled."""
    jobs = {"send-mail": "mail_jobs:send_mail", "undeclared": "mail_jobs:undeclared"}
    install(site, "maint-mail", jobs, mail_jobs=JOB)
    (inside.folder / "maint.toml").write_text(
        'plugins = ["maint-mail"]\n' + enable("send-mail") + "[schedule]\n"
        'image = "ghcr.io/x/y:1"\naction = "x/y@0123456789012345678901234567890123456789"\n'
    )
    return inside


def rendered(mail: Inside, target: str) -> dict[str, str]:
    """The files of one target, by their names."""
    found = mail("schedule", "render", "--target", target, "--output", "out", env=SET)
    assert found.code == 0, found.err
    return {path.name: path.read_text() for path in (mail.folder / "out").rglob("*.*")}


def test_the_job_reads_them_and_no_log_shows_a_secret(mail: Inside, conn: Conn) -> None:
    """In the report, the log and the ledger the secret is masked; the variable is not."""
    found = mail("send-mail", "--json", env=SET)
    assert (found.code, found.json["length"], found.json["host"]) == (0, 11, "mail.example")
    assert found.json["warnings"] == ["the password is ***"]
    ledger = conn.execute("SELECT job_runs::text FROM job_runs").fetchall()
    assert CANARY not in f"{found.out}{found.err}{ledger}"


def test_a_secret_may_be_in_a_file(mail: Inside) -> None:
    """As DATABASE_URL may."""
    (mail.folder / "password").write_text(f"{CANARY}\n")
    found = mail("send-mail", "--json", env={**SET, "SMTP_PASSWORD": "file:password"})
    assert (found.code, found.json["length"]) == (0, len(CANARY)), found.err


@pytest.mark.parametrize("name", ["SMTP_PASSWORD", "SMTP_HOST"])
@pytest.mark.parametrize("value", [None, " "])
def test_without_one_nothing_is_connected_to(mail: Inside, name: str, value: str | None) -> None:
    """Exit code 78 and its name, though the database would not answer either."""
    env = {**SET, "DATABASE_URL": "postgresql://127.0.0.1:1/nowhere"}
    del env[name]
    found = mail("send-mail", "--json", env={**env, **({name: value} if value else {})})
    assert found.code == 78
    assert f"{name}, which this job needs, is not set" in found.err or (
        f"environment {name} is blank" in found.err
    )


def test_one_that_is_not_declared_is_a_bug(mail: Inside) -> None:
    """It would be missing wherever a scheduler starts the job."""
    found = mail("undeclared", env=SET)
    assert found.code == 70
    assert 'write @job(variables=("SMTP_HOST",), …)' in found.err


def test_config_show_masks_secrets(mail: Inside) -> None:
    """It says where each is set, or that it is not."""
    found = mail("config", "show", "--json", env={"SMTP_PASSWORD": CANARY})
    shown = {(s["section"], s["key"]): (s["value"], s["origin"]) for s in found.json["settings"]}
    assert shown["jobs.send-mail", "SMTP_PASSWORD"] == ("***", "environment SMTP_PASSWORD")
    assert shown["jobs.send-mail", "SMTP_HOST"] == ("", "not set")
    assert CANARY not in found.out


@pytest.mark.parametrize("target", TARGETS)
def test_each_target_names_them_and_holds_no_value(mail: Inside, target: str) -> None:
    """Where people look for what to set up."""
    text = "".join(rendered(mail, target).values())
    assert CANARY not in text
    assert "mail.example" not in text
    assert "SMTP_PASSWORD" in text
    assert "SMTP_HOST" in text


def test_a_crontab_has_them_from_its_file(mail: Inside) -> None:
    """Its comment says so."""
    (text,) = rendered(mail, "crontab").values()
    assert "# That file holds these, too: SMTP_PASSWORD, SMTP_HOST.\n" in text
    assert "--env-file /etc/maint/env" in text


def test_systemd_has_a_credential(mail: Inside) -> None:
    """A variable comes from the file."""
    service = rendered(mail, "systemd")["maint-send-mail.service"]
    assert "smtp-password:/etc/maint/smtp-password" in values(service, "LoadCredential")
    assert "SMTP_PASSWORD=file:%d/smtp-password" in values(service, "Environment")
    assert "# Needs in /etc/maint/env: SMTP_HOST.\n" in service


def test_kubernetes_has_references_to_the_secret(mail: Inside) -> None:
    """By the key that the Kustomize base names."""
    made = rendered(mail, "kubernetes")
    spec = yaml.safe_load(made["send-mail.yaml"])["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    env = {one["name"]: one.get("valueFrom") for one in spec["containers"][0]["env"]}
    for name, key in (("SMTP_PASSWORD", "smtp-password"), ("SMTP_HOST", "smtp-host")):
        assert env[name] == {"secretKeyRef": {"name": "maint", "key": key}}
        assert f"{name} ({key})" in made["kustomization.yaml"]


def test_github_has_references_to_its_secrets(mail: Inside) -> None:
    """In the step that runs the job."""
    workflow = yaml.safe_load(rendered(mail, "github")["maintenance.yml"])
    env = workflow["jobs"]["send-mail"]["steps"][-1]["env"]
    for name in ("DATABASE_URL", "SMTP_PASSWORD", "SMTP_HOST"):
        assert env[name] == f"${{{{ secrets.{name} }}}}"


@pytest.mark.parametrize(
    ("target", "words"), [("railway", "Its service needs"), ("render", "The group holds")]
)
def test_railway_and_render_say_where_to_set_them(mail: Inside, target: str, words: str) -> None:
    """Both give a service what its environment holds."""
    text = "".join(rendered(mail, target).values())
    assert f"# {words} these, too: SMTP_PASSWORD, SMTP_HOST.\n" in text


@pytest.mark.parametrize("names", ["SMTP_PASSWORD", ("smtp password",)])
def test_what_is_no_list_of_variables_is_refused(names: str) -> None:
    """When the job is imported."""

    def nothing(run: Run) -> None:
        """Nothing."""

    with pytest.raises(TypeError, match="are no names of variables"):
        job(schedule=None, group="Mail", secrets=names)(nothing)
