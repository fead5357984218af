"""Entries that are there, held against those that are declared"""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from hypothesis import given, settings

from maintcli.schedules.check import files
from maintcli.schedules.check.entries import compare
from maintcli.schedules.check.finding import Kind
from maintcli.schedules.entry import Entry, Found, Settings
from maintcli.schedules.targets import TARGETS
from maintcli.schedules.targets.header import header, is_ours
from tests.schedules.strategies import several

SESSIONS = Found("cleanup-sessions", "cleanup-sessions", ("*/5 * * * *",))
NIGHTLY = Found("nightly", "cleanup-sessions", ("0 2 * * *",), "UTC", ("--stale-after", "2 h"))


@dataclass(frozen=True)
class Case:
    """What is there, and what is found of it."""

    there: list[Found]
    kinds: list[tuple[Kind, str]]
    words: str = ""


CASES = {
    "alike": Case([NIGHTLY, SESSIONS], []),
    "another spelling": Case(
        [
            SESSIONS._replace(expressions=("*/5  * * * *",)),
            NIGHTLY._replace(expressions=("00 02 * * *",)),
        ],
        [],
    ),
    "without its name": Case([SESSIONS, NIGHTLY._replace(key="cleanup-sessions")], []),
    "missing": Case([SESSIONS], [(Kind.MISSING, "nightly")], "--stale-after '2 h' at 0 2 * * *"),
    "another time": Case(
        [SESSIONS, NIGHTLY._replace(expressions=("0 3 * * *",))],
        [(Kind.CHANGED, "nightly")],
        "there it is maint cleanup-sessions --stale-after '2 h' at 0 3 * * *; declared is maint",
    ),
    "another zone": Case(
        [SESSIONS, NIGHTLY._replace(zone="Asia/Tokyo")], [(Kind.CHANGED, "nightly")], "Asia/Tokyo"
    ),
    "other options": Case([SESSIONS, NIGHTLY._replace(options=())], [(Kind.CHANGED, "nightly")]),
    "foreign": Case(
        [SESSIONS, NIGHTLY, Found("old", "cleanup-orphans", ("@daily",))],
        [(Kind.FOREIGN, "old")],
        "maint cleanup-orphans at @daily is there and declared nowhere",
    ),
    "twice": Case([SESSIONS, SESSIONS, NIGHTLY], [(Kind.FOREIGN, "cleanup-sessions")], "once more"),
    "nonsense": Case(
        [SESSIONS._replace(expressions=("a b c d x-7",)), NIGHTLY],
        [(Kind.CHANGED, "cleanup-sessions")],
        "a b c d x-7",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_differs_is_found(case: Case) -> None:
    """Each in its kind, with both sides in words."""
    found = [*compare([SESSIONS, NIGHTLY], case.there)]
    assert [(one.kind, one.key) for one in found] == case.kinds
    assert case.words in " ".join(one.what for one in found)


@settings(deadline=None, max_examples=30)
@given(several(), several())
def test_nothing_is_found_of_what_is_alike(one: list[Entry], other: list[Entry]) -> None:
    """And each entry that only one side has is found once."""
    left, right = [Found.of(entry) for entry in one], [Found.of(entry) for entry in other]
    assert [*compare(left, left[::-1])] == []
    assert len([*compare(left, [])]) == len(left)
    assert len([*compare([], right)]) == len(right)


ENTRIES = (
    Entry("cleanup-sessions", "cleanup-sessions", "Remove.", ("*/5 * * * *",), timeout_seconds=60),
    Entry("nightly", "cleanup-old-sessions", "Remove.", ("7 2 * * *",), options=("--limit", "5")),
)


def found_in(target: str, there: Mapping[str, str], settings: Settings = Settings()) -> list[str]:  # noqa: B008
    """What is said of the files of `target`: kind and key."""
    rendered = TARGETS[target].render(ENTRIES, settings).files
    found = files.check(TARGETS[target].parse, rendered, there, {})
    return [f"{one.kind} {one.key}" for one in found]


@pytest.mark.parametrize("target", TARGETS)
def test_files_are_as_rendered_or_not(target: str) -> None:
    """Alike, none there, one line of comment too many, another timeout or option."""
    rendered = TARGETS[target].render(ENTRIES, Settings()).files
    assert found_in(target, rendered) == []
    assert found_in(target, {}) == [f"missing {path}" for path in rendered]
    for path, text in rendered.items():
        assert found_in(target, {**rendered, path: text + "# more\n"}) == [f"stale {path}"]
        assert found_in(target, {**rendered, path: text.replace("\n", "\r\n")}) == [f"stale {path}"]
    later = [ENTRIES[0], ENTRIES[1]._replace(expressions=("9 2 * * *",))]
    said = found_in(target, TARGETS[target].render(later, Settings()).files)
    assert "changed nightly" in said
    assert not [one for one in said if one.startswith(("missing", "foreign"))]


def test_another_image_or_timeout_makes_a_file_stale() -> None:
    """Which no entry says."""
    there = TARGETS["kubernetes"].render(ENTRIES, Settings(image="ours:1")).files
    assert found_in("kubernetes", there) == ["stale cleanup-sessions.yaml", "stale nightly.yaml"]
    longer = [ENTRIES[0]._replace(timeout_seconds=90), ENTRIES[1]]
    there = TARGETS["systemd"].render(longer, Settings()).files
    assert found_in("systemd", there) == ["stale maint-cleanup-sessions.service"]


@pytest.mark.parametrize(
    ("there", "words"),
    [
        ("a\n c\n", "line 2 is 'c', and would be 'b'"),
        ("a\n", "it ends before line 2, which would be 'b'"),
        ("a\nb\nc\n", "line 3 is 'c', and would not be there"),
        ("a\r\nb\r\n", "its line ends are otherwise"),
    ],
)
def test_the_first_line_that_differs_is_said(there: str, words: str) -> None:
    """In one that is long, from shortly before it does."""
    assert files.difference("a\nb\n", there) == words
    long = "ExecStart=/usr/local/bin/maint cleanup-old-sessions"
    said = files.difference(f"{long} --limit 5", f"{long} --limit 6")
    assert said == "line 1 is '…essions --limit 6', and would be '…essions --limit 5'"


@pytest.mark.parametrize("target", ["github", "kubernetes", "railway", "render"])
def test_a_file_that_cannot_be_read_has_changed(target: str) -> None:
    """It is no reason to stop."""
    rendered = TARGETS[target].render(ENTRIES, Settings()).files
    path = [*rendered][-1]
    assert found_in(target, {**rendered, path: "a: [b\n= {"}) == [f"changed {path}"]


@pytest.mark.parametrize("target", TARGETS)
def test_each_rendered_file_is_known_again(target: str) -> None:
    """By its own name alone, but for those that go along and never go away."""
    for path, text in TARGETS[target].render(ENTRIES, Settings()).files.items():
        if path not in {"maint.toml", "example-readyz.yaml"}:
            assert is_ours(path, target, text)
        assert not is_ours(f"copy-{path}", target, text)
    assert not is_ours("x", "systemd", f"[Unit]\n{header('x', 'systemd')}\n")


def test_a_difference_hides_secrets_alone() -> None:
    """A colon and an @ in a line make none; where there is one, the whole line is hidden."""
    for line in ("# To: me@example.com", "uses: acme/maint@1  # see: docs", "MAILTO=a:b@c"):
        assert files.difference("", line) == f"line 1 is '{line}', and would not be there"
    for line in (
        "URL=postgresql://u:hunter2@h/d",
        "URL=postgresql://u:hun/ter2@h/d",
        "URL=https://hunter2@h/d",
        f"URL=host=h password = {'x' * 99}hunter2",
    ):
        said = files.difference(line, f"{line}!")
        assert said == "line 1 is ***, and would be ***"
