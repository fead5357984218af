"""Manifests are written and read without a YAML library"""

from contextlib import suppress

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from maintcli.schedules.targets.comments import comment
from maintcli.schedules.targets.yaml.reader import documents
from maintcli.schedules.targets.yaml.scalar import listed, scalar
from tests.schedules.kubernetes.made import TEXTS


@settings(deadline=None)
@given(TEXTS)
def test_any_text_stays_that_text(text: str) -> None:
    """For PyYAML (YAML 1.1) and for our own reader."""
    written = f"key: {scalar(text)}\n"
    assert yaml.safe_load(written) == {"key": text}
    assert documents(written) == [{"key": text}]


@settings(deadline=None)
@given(st.lists(TEXTS, min_size=1).map(tuple))
def test_any_list_stays_that_list(texts: tuple[str, ...]) -> None:
    """On one line, or with a line each."""
    written = listed("key", texts) + "\n"
    assert yaml.safe_load(written) == {"key": list(texts)}
    assert documents(written) == [{"key": list(texts)}]


@pytest.mark.parametrize(
    "text",
    ["yes", "No", "null", "~", "1", "1e3", "0x1f", "12:30", "2026-01-01", "-", "--", "- a", "a: b",
     "a #b", "", " a", "a ", "=", "<<", ".inf", "y", "*/5 * * * *", "1.30", "@a", "`a`", "---"],
)  # fmt: skip
def test_what_looks_like_something_else_is_quoted(text: str) -> None:
    """A number, a truth, a time, an indicator."""
    assert scalar(text).startswith('"')
    assert yaml.safe_load(scalar(text)) == text


@pytest.mark.parametrize(
    "text", ["maint", "--older-than", "30d", "/etc/maint", "a.b/c:1.2-x", "--a=b"]
)
def test_what_can_only_be_text_stays_plain(text: str) -> None:
    """As one would write it by hand."""
    plain = text[0].isalpha() or text[0] in "-/"
    assert scalar(text) == (text if plain else f'"{text}"')


@settings(deadline=None)
@given(TEXTS)
def test_a_comment_is_one_line(text: str) -> None:
    """Whatever a summary holds, nothing of it becomes a key."""
    assert yaml.safe_load(f"{comment(text)}\nkey: 1\n") == {"key": 1}


HAND_WRITTEN = """\
# by hand
---
apiVersion: batch/v1  # with a comment
kind: 'CronJob'
metadata: {name: "a", labels: {x: y, 'z w': [1, "2"]}}
spec:
  empty:
  items:
  - name: one
    list:
    - a # b
    - b#c
    -
      deep: x:y
  - [a, 'it''s', "q\\"q"]
  script: |
    # no comment
    key: value

    end
  after: ''
...
"""


def test_it_reads_what_people_write() -> None:
    """As PyYAML does, but for scalars, which are all text."""
    text = HAND_WRITTEN.replace("...\n", "")
    (found,) = documents(text)
    wanted = yaml.load(text, yaml.BaseLoader)  # noqa: S506 - every scalar as text
    assert isinstance(found, dict)
    found["spec"]["script"] = wanted["spec"]["script"] = ""  # type: ignore[index]
    assert found == wanted


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: &x b\n", 1), ("a: 1\nb: >\n  folded\n", 2), ("a: [b\n", 1), ("a: 1\n  b: 2\n", 2),
     ("a:\n  - b\n c: d\n", 3), ('a: "open\n', 1), ("a: !!int 1\n", 1), ("a: b\n- c\n", 2),
     ("? a\n: b\n", 1), ("a: {b}\n", 1), ("a: " + "[" * 500, 1)],
)  # fmt: skip
def test_what_it_cannot_read_is_named_by_its_line(text: str, line: int) -> None:
    """Never guessed at."""
    with pytest.raises(ValueError, match=f"^line {line}: "):
        documents(text)


@settings(deadline=None)
@given(st.text(st.sampled_from("ab:- \n#'\"[]{},|\t"), max_size=60))
def test_nothing_but_a_value_error_comes_of_garbage(text: str) -> None:
    """However it is made."""
    with suppress(ValueError):
        documents(text)
