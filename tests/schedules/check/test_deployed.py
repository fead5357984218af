"""What schedulers have, as their tools print it"""

import json
from base64 import b64encode
from typing import Any

import pytest
import yaml

from maintcli.config.scheduler import Settings
from maintcli.errors import ConfigError
from maintcli.schedules.check.deployed import check
from maintcli.schedules.model import Entry
from maintcli.schedules.targets import TARGETS

ENTRIES = (
    Entry("cleanup-sessions", "cleanup-sessions", "Remove.", ("*/5 * * * *",), timeout_seconds=60),
    Entry("nightly", "cleanup-old-sessions", "Remove.", ("7 2 * * *",), options=("--limit", "5")),
)
PLACE = Settings()


def rendered(target: str, settings: Settings = PLACE) -> dict[str, str]:
    """The files of `target`."""
    return dict(TARGETS[target].render(ENTRIES, settings).files)


def said(target: str, *texts: str, settings: Settings = PLACE) -> list[str]:
    """Kind and key of each thing that is found in `texts`."""
    named = {str(number): text for number, text in enumerate(texts)}
    found = check(target, ENTRIES, rendered(target, settings), named, settings)
    return [f"{one.kind} {one.key}" for one in found]


def crontab() -> str:
    (text,) = rendered("crontab").values()
    return text


def test_a_crontab_is_as_rendered() -> None:
    """Also beside lines of others, without its comments, and where the blanks are tabs."""
    text = crontab()
    assert said("crontab", text) == []
    bare = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    assert said("crontab", f"0 0 * * * backup\n{bare}\n") == []
    assert said("crontab", text.replace("*/5 * * * * /usr", "*/5\t* * * *  /usr")) == []
    berlin = Settings(zone="Europe/Berlin")
    here = TARGETS["crontab"].render([], berlin).files
    assert check("crontab", [], here, {"": "SHELL=/bin/sh\n"}, berlin) == []


def test_a_crontab_has_changed() -> None:
    """An entry, or what surrounds it: the command, the user."""
    text = crontab()
    assert said("crontab", text.replace("7 2", "8 2")) == ["changed nightly"]
    assert said("crontab", "") == ["missing cleanup-sessions", "missing nightly"]
    assert said("crontab", text, text) == ["foreign cleanup-sessions", "foreign nightly"]
    moved = text.replace("/usr/local/bin/maint cleanup-s", "/opt/bin/maint cleanup-s")
    assert said("crontab", moved) == ["stale cleanup-sessions"]
    (found,) = check("crontab", ENTRIES, rendered("crontab"), {"": moved}, PLACE)
    assert found.what.startswith("its line is '*/5 * * * * /opt/bin/maint cleanup-")


def test_lines_of_a_crontab_that_differ_are_named() -> None:
    """Another option, a line of other hands, one without its name; a spelling makes no difference."""
    text = crontab()
    other = text.replace("--limit 5", "--limit 6")
    (found,) = check("crontab", ENTRIES, rendered("crontab"), {"": other}, PLACE)
    assert (found.kind, found.key) == ("changed", "nightly")
    assert found.what == "its line is '…int/env --limit 6', and would be '…int/env --limit 5'"
    own = text + "\n0 3 * * * maint cleanup-orphans\n@daily maint list\na b c d x-7 maint list\n"
    assert said("crontab", own) == ["foreign cleanup-orphans", "foreign list"]
    assert said("crontab", text.replace("7 2 * * *", "07  2 * * *")) == ["stale nightly"]
    swapped = "\n".join(reversed([line for line in text.splitlines() if line[:1] != "#"]))
    assert said("crontab", swapped) == []


def cluster(**changes: Any) -> dict[str, Any]:
    """The CronJobs as `kubectl get cronjobs -o json` prints them."""
    items = [
        {"status": {}, **yaml.safe_load(text)}
        for path, text in rendered("kubernetes").items()
        if path in {"cleanup-sessions.yaml", "nightly.yaml"}
    ]
    items[0]["spec"] |= changes
    return {"apiVersion": "v1", "kind": "List", "items": items}


def test_a_cluster_is_as_rendered() -> None:
    """An overlay may name an image of its own, and prefix names."""
    assert said("kubernetes", json.dumps(cluster())) == []
    changed = cluster()
    for item in changed["items"]:
        item["metadata"]["name"] = f"prod-{item['metadata']['name']}"
        pod = item["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        pod["containers"][0]["image"] = "ours:2"
    assert said("kubernetes", json.dumps(changed)) == []
    place = Settings(image="ours:3")
    assert said("kubernetes", json.dumps(changed), settings=place) == [
        "stale cleanup-sessions",
        "stale nightly",
    ]


def test_a_cluster_has_changed() -> None:
    """A time, a suspended job, another deadline, one that is gone, one too many."""
    assert said("kubernetes", json.dumps(cluster(schedule="*/6 * * * *"))) == [
        "changed cleanup-sessions"
    ]
    assert said("kubernetes", json.dumps(cluster(suspend=True))) == ["off cleanup-sessions"]
    found = cluster(startingDeadlineSeconds=7)
    assert said("kubernetes", json.dumps(found)) == ["stale cleanup-sessions"]
    found["items"][0]["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] = 1
    assert said("kubernetes", json.dumps(found)) == ["stale cleanup-sessions"] * 2
    found = cluster()
    found["items"][1]["metadata"] |= {"name": "more", "annotations": {"maintcli/entry": "more"}}
    assert said("kubernetes", json.dumps(found)) == ["foreign more", "missing nightly"]
    nothing = json.dumps({"kind": "List", "items": []})
    assert said("kubernetes", nothing) == ["missing cleanup-sessions", "missing nightly"]


@pytest.mark.parametrize("text", ["{", "words", '{"kind": "Pod"}', "a: [b\n"])
def test_what_is_no_cluster_is_refused(text: str) -> None:
    """Garbage is not the same as an empty cluster."""
    with pytest.raises((ConfigError, ValueError)):
        said("kubernetes", text)


DEEP = '{"a":' * 100_000


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("github", DEEP),
        ("github", '{"file": 3}'),
        ("kubernetes", DEEP),
        ("kubernetes", '{"kind": []}'),
        ("railway", "a = 1\n"),
        ("render", "[" * 100_000),
    ],
)
def test_garbage_is_refused_in_a_sentence(target: str, text: str) -> None:
    """However deep it goes, and whatever stands where a name should."""
    with pytest.raises((ConfigError, ValueError)):
        said(target, text)


@pytest.mark.parametrize("spec", [3, [1], None, {"suspend": []}, {"jobTemplate": "words"}])
def test_a_cronjob_of_another_shape_is_not_ours(spec: object) -> None:
    """What is missing is said all the same."""
    found = cluster()
    found["items"][0]["spec"] = spec
    assert "missing cleanup-sessions" in said("kubernetes", json.dumps(found))
    found = cluster()
    found["items"][0]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"] = 3
    found = said("kubernetes", json.dumps(found), settings=Settings(image="maint:1"))
    assert "missing cleanup-sessions" in found


def units() -> str:
    """As `systemctl cat` prints them."""
    files = rendered("systemd").items()
    return "\n".join(f"# /etc/systemd/system/{name}\n{text}" for name, text in files)


SHOWN = "Id=maint-{}.timer\nActiveState={}\nUnitFileState={}\n"


def test_units_are_as_rendered() -> None:
    """A drop-in that changes no entry is the administrator's own affair."""
    assert said("systemd", units()) == []
    drop_in = "\n# /etc/systemd/system/maint-nightly.service.d/a.conf\n[Service]\nNice=5\n"
    assert said("systemd", units() + drop_in) == []
    on = "\n".join(
        SHOWN.format(entry.key, "active", state)
        for entry, state in zip(ENTRIES, ("enabled", "enabled-runtime"), strict=True)
    )
    assert said("systemd", units(), on) == []


def test_units_have_changed() -> None:
    """By an edit, or a drop-in; a timer that nobody enabled is off."""
    assert said("systemd", units().replace("02:07", "03:07")) == ["stale maint-nightly.timer"]
    drop_in = "\n# /etc/systemd/system/maint-nightly.timer.d/a.conf\n[Timer]\nOnCalendar=daily\n"
    front, mark, back = units().partition("# /etc/systemd/system/maint-nightly.timer\n")
    assert said("systemd", f"{front}{mark}{back}{drop_in}") == ["changed maint-nightly.timer"]
    more = units().partition("# /etc/systemd/system/maint-nightly.timer\n")[2]
    more = f"# /etc/systemd/system/maint-old.timer\n{more}"
    assert said("systemd", f"{units()}\n{more}") == ["foreign maint-old.timer"]
    assert said("systemd", units().replace("TimeoutStartSec=180", "TimeoutStartSec=9")) == [
        "stale maint-cleanup-sessions.service"
    ]
    off = SHOWN.format("nightly", "inactive", "enabled") + "\n"
    off += SHOWN.format("cleanup-sessions", "active", "disabled")
    assert said("systemd", off) == ["off maint-nightly.timer", "off maint-cleanup-sessions.timer"]
    assert said("systemd", "") == [f"missing {name}" for name in rendered("systemd")]


def workflow(state: str) -> str:
    """As `gh api repos/{owner}/{repo}/actions/workflows/maintenance.yml` prints it."""
    path = ".github/workflows/maintenance.yml"
    return json.dumps({"id": 1, "name": "Maintenance", "path": path, "state": state})


def contents(text: str) -> str:
    """As GitHub's contents API has a file."""
    coded = b64encode(text.encode()).decode()
    return json.dumps({"encoding": "base64", "content": "\n".join([coded[:60], coded[60:]])})


def variable(value: str) -> str:
    return json.dumps({"name": "MAINT_ENABLED", "value": value})


def test_a_workflow_is_as_rendered() -> None:
    """Its file, raw or as GitHub's API has it, its state, and the variable."""
    (text,) = rendered("github").values()
    assert said("github", text, workflow("active"), variable("true")) == []
    assert said("github", contents(text)) == []
    assert said("github", json.dumps({"workflows": [json.loads(workflow("active"))]})) == []
    assert said("github", json.dumps({"variables": [json.loads(variable("true"))]})) == []


@pytest.mark.parametrize(
    ("text", "finding", "words"),
    [
        (
            workflow("disabled_inactivity"),
            "off",
            "after 60 days without a commit; gh workflow enable",
        ),
        (workflow("disabled_manually"), "off", "it was disabled by hand"),
        (workflow("new state"), "off", "its state is 'new state'"),
        (workflow("deleted"), "missing", "it must be on the default branch"),
        ('{"workflows": []}', "missing", "GitHub has no such workflow"),
        (
            variable("false"),
            "off",
            "the variable MAINT_ENABLED is 'false', so every scheduled job is",
        ),
        ('{"name": "MAINT_ENABLED", "value": null}', "off", "MAINT_ENABLED is not set"),
        ('{"variables": []}', "off", "MAINT_ENABLED is not set"),
        ('{"name": "MAINT_ENABLED", "unknown": "why"}', "noted", "is true is unknown: why"),
    ],
)
def test_a_workflow_that_is_off(text: str, finding: str, words: str) -> None:
    """With the command that switches it on."""
    (found,) = check("github", ENTRIES, rendered("github"), {"": text}, PLACE)
    assert (found.kind, found.key) == (finding, "maintenance.yml")
    assert words in found.what


def test_a_variable_that_nothing_waits_for_may_be_anything() -> None:
    """What is started by hand alone starts without it; a workflow that is disabled does not."""
    by_hand = Settings(start="by-hand")
    (text,) = rendered("github", by_hand).values()
    assert said("github", text, variable("false"), settings=by_hand) == []
    off = said("github", workflow("disabled_manually"), settings=by_hand)
    assert off == ["off maintenance.yml"]


def test_a_workflow_has_changed() -> None:
    """An entry of it, or another line; or it is there though nothing is declared."""
    (text,) = rendered("github").values()
    assert said("github", contents(text.replace("7 2 * * *", "8 2 * * *"))) == [
        "stale maintenance.yml"
    ]
    assert said("github", text.replace("timeout-minutes: 7", "timeout-minutes: 8")) == [
        "stale maintenance.yml"
    ]
    assert [one.kind for one in check("github", [], {}, {"": text}, PLACE)] == ["foreign"]
    assert check("github", [], {}, {"": workflow("disabled_manually")}, PLACE) == []
    with pytest.raises(ValueError, match="neither a workflow nor its state"):
        said("github", '{"message": "Bad credentials"}')


@pytest.mark.parametrize("target", ["railway", "render"])
def test_others_are_held_against_a_copy(target: str) -> None:
    """Of the file that the service was made from."""
    texts = rendered(target)
    assert said(target, *texts.values()) == []
    (path,) = [path for path, text in texts.items() if '"7 2 * * *"' in text]
    changed = [text.replace("7 2 *", "8 2 *") for text in texts.values()]
    assert said(target, *changed) == [f"stale {path}"]
    last = [*texts][-1]
    rest = [text for one, text in texts.items() if one != last]
    assert said(target, *rest) == [f"missing {last}"]
    gone = texts[last].replace(f"# {last}: ", "# old/file: ")
    assert said(target, *texts.values(), gone) == ["foreign old/file"]
