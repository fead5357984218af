"""YAML is written without a library, and read back by PyYAML"""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from maintcli.schedules.targets.text import comment, listed, scalar
from tests.schedules.kubernetes.made import TEXTS


@settings(deadline=None)
@given(TEXTS)
def test_any_text_stays_that_text(text: str) -> None:
    """For PyYAML, which reads YAML 1.1."""
    written = f"key: {scalar(text)}\n"
    assert yaml.safe_load(written) == {"key": text}


@settings(deadline=None)
@given(st.lists(TEXTS, min_size=1).map(tuple))
def test_any_list_stays_that_list(texts: tuple[str, ...]) -> None:
    """On one line, or with a line each."""
    written = listed("key", texts) + "\n"
    assert yaml.safe_load(written) == {"key": list(texts)}


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
