"""How values and suggestions stand in messages."""

import pytest

from maintcli.config.messages import bare, closest, hint, quote, sentence


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("x", "'x'"),
        (5, "'5'"),
        ("a\x1b[31m\n", "'a\\x1b[31m\\n'"),
        ("é", "'é'"),
        ("\udc80", "'\\udc80'"),
        ("x" * 60, f"'{'x' * 48}…'"),
        ("postgres://u:p@h", "'***'"),
        ("host=h password = p", "'***'"),
    ],
)
def test_a_value_is_short_printable_and_no_secret(value: object, shown: str) -> None:
    """A value in a message cannot move the cursor, flood the log or tell a password."""
    assert quote(value) == shown


def test_a_plain_name_stands_bare() -> None:
    """Quotes only where a reader needs them."""
    assert (bare("cleanup-sessions"), bare("a b")) == ("cleanup-sessions", "'a b'")


def test_a_sentence_ends_once() -> None:
    """A question keeps its mark."""
    assert (sentence("x"), sentence("x?"), sentence("x.")) == ("x.", "x?", "x.")


def test_the_nearest_name_is_found() -> None:
    """Case and underscores do not count."""
    assert closest("Stale_After", ["stale-after", "share"]) == "stale-after"
    assert closest("zzz", ["stale-after"]) is None


def test_a_hint_says_what_to_do() -> None:
    """The near one, else the known ones, else that there are none."""
    assert hint("shar", ["share", "x"]) == "did you mean share?"
    assert hint("zzz", ["b", "a"]) == "known: a, b."
    assert hint("zzz", []) == "none is known here, so remove it."
    assert hint("zzz", [f"n{i:02}" for i in range(15)]).endswith("n11 and 3 more.")
