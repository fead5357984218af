"""Files of a project, compared with what would be rendered"""

from collections.abc import Mapping

import pytest

from maintcli.config.scheduler import Settings
from maintcli.schedules.check import files
from maintcli.schedules.model import Entry
from maintcli.schedules.targets import TARGETS
from maintcli.schedules.targets.text import header, is_ours

ENTRIES = (
    Entry("cleanup-sessions", "cleanup-sessions", "Remove.", ("*/5 * * * *",), timeout_seconds=60),
    Entry("nightly", "cleanup-old-sessions", "Remove.", ("7 2 * * *",), options=("--limit", "5")),
)


def found_in(target: str, there: Mapping[str, str], settings: Settings = Settings()) -> list[str]:  # noqa: B008
    """What is said of the files of `target`: kind and key."""
    rendered = TARGETS[target].render(ENTRIES, settings).files
    found = files.compare(rendered, there, {})
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
    other = TARGETS[target].render(later, Settings()).files
    differ = [path for path, text in rendered.items() if other[path] != text]
    assert found_in(target, other) == [f"stale {path}" for path in differ] != []


def test_another_image_or_timeout_makes_a_file_stale() -> None:
    """The files alone in which it stands."""
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
        ("a\r\nb\r\n", "only its line ends differ"),
    ],
)
def test_the_first_line_that_differs_is_said(there: str, words: str) -> None:
    """In one that is long, from shortly before it does."""
    assert files.difference("a\nb\n", there) == words
    long = "ExecStart=/usr/local/bin/maint cleanup-old-sessions"
    said = files.difference(f"{long} --limit 5", f"{long} --limit 6")
    assert said == "line 1 is '…essions --limit 6', and would be '…essions --limit 5'"


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
