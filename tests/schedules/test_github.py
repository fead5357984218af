"""The workflow of GitHub Actions"""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from maintcli.config.scheduler import Settings
from maintcli.schedules.model import Entry
from maintcli.schedules.targets.github import FILE, render
from maintcli.schedules.targets.utc import Clock, Cron, crons
from tests.schedules.readers import Stated, read
from tests.schedules.strategies import several

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]
SHA = "0123456789abcdef0123456789abcdef01234567"
SESSIONS = Entry("cleanup-sessions", "cleanup-sessions", "Remove: # sessions.", ("*/5 * * * *",))
NIGHTLY = Entry(
    "nightly",
    "cleanup-old-sessions",
    expressions=("17 2 * * *", "*/5 * * * *"),
    timeout_seconds=90,
    options=("--tables", "a b", "it's", '"', "${{ secrets.DATABASE_URL }}", "$(id)", "`id`", "\n"),
)
OFTEN = Entry("often", "cleanup-sessions", expressions=("* * * * *",))
LOCAL = Entry("9-local", "cleanup-sessions", expressions=("30 2 * * *",), zone="Europe/Berlin")
LONG = Entry("long", "cleanup-sessions", expressions=("3 4 * * 7",), timeout_seconds=86400)
ALL = [SESSIONS, NIGHTLY, OFTEN, LOCAL, LONG]
CLOCK = Clock("GitHub", 5, has_zones=True)


def workflow(entries: Sequence[Entry], given: Settings = Settings()) -> Any:  # noqa: B008 - a tuple
    """As a YAML parser reads it, each scalar as text; without the job for an unknown schedule."""
    found = loaded(render(entries, given).files[FILE])
    del found["jobs"]["_unknown"]
    return found


def loaded(text: str) -> Any:
    """Each scalar as text."""
    return yaml.load(text, yaml.BaseLoader)  # noqa: S506 - the base


def started(found: Any, *, cron: str = "", job: str = "", enabled: str = "") -> list[str]:
    """The names of the jobs whose condition holds, by the rules of GitHub's expressions."""
    facts = {
        "inputs.job": job,
        "vars.MAINT_ENABLED": enabled,
        "github.event.schedule": cron,
        "github.event_name": "schedule" if cron else "workflow_dispatch",
    }
    names: list[str] = []
    for one in found["jobs"].values():
        text = one["if"].replace("||", " or ").replace("&&", " and ")
        for name, value in facts.items():
            text = text.replace(name, repr(value))
        if eval(text, {"__builtins__": {}}):  # noqa: S307 - our own text, of constants
            names.append(one["name"])
    return names


def lint(folder: Path) -> None:
    """Run actionlint and zizmor over the repository `folder`."""
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    workflows = [str(path) for path in (folder / ".github" / "workflows").glob("*.yml")]
    actionlint = [BIN / "actionlint", "-shellcheck=", "-pyflakes=", *workflows]
    zizmor = [BIN / "zizmor", "--offline", "--no-progress", "--quiet", "--persona=pedantic"]
    for command in (actionlint, [*zizmor, folder]):
        if not command[0].exists():
            pytest.skip(f"{command[0].name} is not installed: make .venv/.dev")
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@settings(deadline=None, max_examples=60)
@given(several(st.just("UTC")))
def test_what_is_rendered_is_found_again(declared: list[Entry]) -> None:
    """Key, job, options; and each time that GitHub can start a job at."""
    files = render(declared, Settings()).files
    wanted = [
        Stated.of(entry._replace(expressions=tuple(one.text for one in crons(entry, CLOCK)[0])))
        for entry in declared
    ]
    assert read("github", files) == wanted


@settings(deadline=None, max_examples=60)
@given(several())
def test_any_entry_makes_a_workflow_that_selects_by_its_crons(declared: list[Entry]) -> None:
    """Each cron stands there once, with its zone, and each starts the entries it belongs to."""
    if not declared:
        return
    found = loaded(render(declared, Settings()).files[FILE])
    scheduled = [Cron(one["cron"], one.get("timezone", "UTC")) for one in listed(found)]
    texts = [cron.text for cron in scheduled]
    assert len(texts) == len(set(texts))
    for cron in scheduled:
        wanted = [e.key for e in declared if cron in crons(e, CLOCK)[0]]
        assert started(found, cron=cron.text, enabled="true") == wanted != []
    assert started(found, cron="59 23 31 12 0", enabled="true") == ["unknown schedule"]


def listed(found: Any) -> list[Any]:
    """Each cron with its keys."""
    return found["on"].get("schedule", [])


def test_a_late_event_of_a_schedule_that_was_changed_fails() -> None:
    """It carries the old cron, which no condition names: a green run would say that it was done."""
    text = render([SESSIONS, LOCAL], Settings()).files[FILE]
    found = loaded(text)
    assert started(found, cron="7 7 * * *", enabled="true") == ["unknown schedule"]
    assert started(found, cron="7 7 * * *") == []  # nothing is meant to run here
    assert started(found, job="cleanup-sessions", enabled="true") == ["cleanup-sessions"]
    job = found["jobs"]["_unknown"]
    assert job["permissions"] == {}
    (step,) = job["steps"]
    assert step["env"] == {"SCHEDULE": "${{ github.event.schedule }}"}
    done = subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        env={"SCHEDULE": "7 7 * * *"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = "::error title=maint::No job is scheduled at '7 7 * * *'; nothing was run\n"
    assert (done.returncode, done.stdout) == (1, said)
    assert [one.key for one in read("github", {FILE: text})] == ["cleanup-sessions", "9-local"]


def test_local_times_have_their_zone() -> None:
    """Beside the cron, unless UTC says the same all year; then it is UTC, as everywhere."""
    often = SESSIONS._replace(key="often", expressions=("*/30 * * * *",), zone="Europe/Berlin")
    tokyo = SESSIONS._replace(key="tokyo", expressions=("0 2 * * *",), zone="Asia/Tokyo")
    both = LOCAL._replace(key="both", expressions=("*/30 * * * *", "30 2 * * *"))
    rendered = render([often, tokyo, LOCAL, both], Settings())
    assert rendered.notes == []
    assert listed(loaded(rendered.files[FILE])) == [
        {"cron": "0,30 * * * *"},
        {"cron": "0 17 * * *"},
        {"cron": "30 2 * * *", "timezone": "Europe/Berlin"},
    ]
    assert [(one.expressions, one.zone) for one in read("github", rendered.files)] == [
        (("0,30 * * * *",), "UTC"),
        (("0 17 * * *",), "UTC"),
        (("30 2 * * *",), "Europe/Berlin"),
        (("0,30 * * * *", "30 2 * * * Europe/Berlin"), "UTC"),
    ]


def test_one_cron_in_two_zones_is_left_out_once() -> None:
    """GitHub says which cron it was, and not where: both jobs would start at both times."""
    york = LOCAL._replace(key="york", zone="America/New_York")
    rendered = render([LOCAL, york], Settings())
    assert len(listed(loaded(rendered.files[FILE]))) == 1
    (note,) = rendered.notes
    assert str(note) == (
        'york: "30 2 * * *" in America/New_York is left out, since another entry has it in'
        " Europe/Berlin; the nearest is another minute."
    )
    assert started(workflow([LOCAL, york]), cron="30 2 * * *", enabled="true") == ["9-local"]


def test_a_cron_of_two_entries_starts_both() -> None:
    """It stands there once, since GitHub would start the workflow twice."""
    found = workflow([SESSIONS, NIGHTLY])
    assert [one["cron"] for one in found["on"]["schedule"]] == ["*/5 * * * *", "17 2 * * *"]
    assert started(found, cron="*/5 * * * *", enabled="true") == ["cleanup-sessions", "nightly"]
    assert started(found, cron="17 2 * * *", enabled="true") == ["nightly"]


def test_nothing_starts_by_itself_until_it_is_enabled() -> None:
    """A copy of the repository that knows no database stays quiet; by hand it can be tried."""
    found = workflow(ALL)
    assert started(found, cron="*/5 * * * *") == []
    assert started(found, cron="*/5 * * * *", enabled="false") == []
    assert started(found, job="nightly") == ["nightly"]


def test_by_hand_each_entry_can_be_chosen_and_is_a_dry_run_first() -> None:
    """Those too that GitHub cannot start by itself."""
    found = workflow(ALL)
    inputs = found["on"]["workflow_dispatch"]["inputs"]
    assert inputs["job"]["options"] == [entry.key for entry in ALL]
    assert inputs["job"]["type"] == "choice"
    assert (inputs["dry-run"]["type"], inputs["dry-run"]["default"]) == ("boolean", "true")
    for entry in ALL:
        assert started(found, job=entry.key) == [entry.key]


def test_a_job_may_do_no_more_than_it_must() -> None:
    """Permissions, its own queue, an environment, and more time than maint takes for itself."""
    found = workflow(ALL)
    assert found["permissions"] == {}
    for entry, job in zip(ALL, found["jobs"].values(), strict=True):
        assert job["permissions"] == {"contents": "read"}
        assert job["environment"] == "production"
        assert job["concurrency"] == {
            "group": f"maint-{entry.key}",
            "cancel-in-progress": "false",
        }
    minutes = [int(job["timeout-minutes"]) for job in found["jobs"].values()]
    assert minutes == [36, 8, 36, 36, 360]
    assert all(m * 60 > e.timeout_seconds + 60 for m, e in zip(minutes[:-1], ALL, strict=False))


def test_secrets_and_inputs_reach_no_shell_as_text() -> None:
    """There is no script in the workflow, and an option that looks like an expression is none."""
    found = workflow([NIGHTLY])
    (steps,) = [job["steps"] for job in found["jobs"].values()]
    assert [key for step in steps for key in step] == ["uses", "with", "uses", "with", "env"]
    run = steps[1]
    assert run["env"] == {"DATABASE_URL": "${{ secrets.DATABASE_URL }}"}
    assert re.findall(r"\$\{\{.*?\}\}", run["with"]["options"]) == ["${{ '${{' }}"]
    assert run["with"]["dry-run"] == "${{ inputs.dry-run }}"
    assert steps[0]["with"] == {"persist-credentials": "false"}


def test_what_is_used_is_pinned_as_in_ci() -> None:
    """The same commit of each action as in ci.yml, which needs no cache, so that they are raised together."""
    ci = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    text = render(ALL, Settings()).files[FILE] + (ROOT / "action.yml").read_text()
    used = set(re.findall(r"uses: (\S+@.*)", text))
    assert {one.partition("@")[0] for one in used} == {
        "actions/cache",
        "actions/checkout",
        "actions/setup-python",
    }
    assert all(f"uses: {one}\n" in ci for one in used if not one.startswith("actions/cache@"))


def test_what_github_cannot_do_is_noted_in_the_file_too() -> None:
    """As the warnings say it, in comments."""
    rendered = render(ALL, Settings())
    assert [(note.key, str(note).partition(": ")[2][:30]) for note in rendered.notes] == [
        ("often", "GitHub starts nothing more oft"),
        ("long", "GitHub ends a job after 6 hour"),
    ]
    comments = re.findall(r"^# +(.*)$", rendered.files[FILE], re.MULTILINE)
    for note in rendered.notes:
        assert f"Note: {note}" in " ".join(comments)
    assert [one.expressions for one in read("github", rendered.files)] == [
        ("*/5 * * * *",),
        ("17 2 * * *", "*/5 * * * *"),
        (),
        ("30 2 * * *",),
        ("3 4 * * 0",),
    ]


def test_an_action_that_can_be_moved_is_noted() -> None:
    """A tag is no promise; a full SHA is, and replaces the action of this checkout."""
    pinned = render([SESSIONS], Settings(action=f"acme/maint@{SHA}"))
    assert pinned.notes == []
    assert f"- uses: acme/maint@{SHA}\n" in pinned.files[FILE]
    assert "OWNER/maint" not in pinned.files[FILE]
    (note,) = render([SESSIONS], Settings(action="acme/maint@v1")).notes
    assert "acme/maint@v1" in str(note)


def test_the_action_of_this_checkout_is_for_this_repository() -> None:
    """Another one has no action.yml at its root."""
    rendered = render([SESSIONS], Settings(is_home=False))
    assert (rendered.files, rendered.refused) == ({}, True)
    (note,) = rendered.notes
    assert str(note).startswith('action: "uses: ./" works in the repository of maint alone;')
    assert render([SESSIONS], Settings(is_home=False, action=f"acme/maint@{SHA}")).notes == []


@pytest.mark.parametrize(
    ("labels", "written"),
    [("gpu", "gpu"), ("self-hosted,linux", ["self-hosted", "linux"]), ("${{ x }}", None)],
)
def test_the_runner_and_the_environment_are_settings(
    labels: str, written: str | list[str] | None
) -> None:
    """A database in a private network needs a runner that is in it."""
    found = loaded(render(ALL, Settings(runs_on=labels, environment="staging")).files[FILE])
    written = written or "${{ '${{' }} x }}"
    for one in found["jobs"].values():
        assert one["runs-on"] == written
    environments = [one.get("environment") for one in found["jobs"].values()]
    assert environments == ["staging"] * len(ALL) + [None]


def test_without_entries_there_is_no_workflow() -> None:
    """An empty choice is refused by GitHub."""
    assert render([], Settings()).files == {}


@pytest.mark.parametrize(
    ("entries", "given"),
    [
        (ALL, Settings()),
        ([SESSIONS], Settings(action=f"acme/maint@{SHA}")),
        ([OFTEN, LOCAL], Settings()),
    ],
    ids=["all", "another repository", "by hand only"],
)
def test_actionlint_and_zizmor_find_nothing(
    tmp_path: Path, entries: list[Entry], given: Settings
) -> None:
    """In the strictest mode, together with the action that the workflow uses."""
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    (folder / FILE).write_text(render(entries, given).files[FILE])
    (tmp_path / "action.yml").write_text((ROOT / "action.yml").read_text())
    lint(tmp_path)


def test_the_workflow_in_the_readme_is_as_good(tmp_path: Path) -> None:
    """Nothing is found in it, and it says which job runs when."""
    blocks = re.findall(
        r"^```yaml\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    (shown,) = [block for block in blocks if "uses: OWNER/maint@SHA" in block]
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    (folder / FILE).write_text(shown.replace("@SHA", f"@{SHA}"))
    lint(tmp_path)
    options = ("--stale-after", "2m")
    wanted = Stated("cleanup-sessions", "cleanup-sessions", ("*/5 * * * *",), options=options)
    assert read("github", {FILE: shown}) == [wanted]


def test_the_committed_workflow_is_quiet_in_this_repository() -> None:
    """It has no database. Without its comment marks the times are there, and need the variable."""
    text = (ROOT / ".github" / "workflows" / FILE).read_text()
    assert loaded(text)["on"].keys() == {"workflow_dispatch"}
    whole = re.sub(r"^  # (schedule:|  - cron: )", r"  \1", text, flags=re.MULTILINE)
    found = loaded(whole)
    assert len(found["on"]["schedule"]) == 3
    for one in found["on"]["schedule"]:
        assert started(found, cron=one["cron"]) == []
        assert started(found, cron=one["cron"], enabled="true")
