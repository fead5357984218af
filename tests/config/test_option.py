"""One value of every kind, and its bounds."""

from pathlib import Path
from typing import Any

import pytest

from maintcli.config.duration import duration
from maintcli.config.option import Kind, Option

CHOICES = ("skip", "fail", "wait")


def option(kind: Kind, **more: Any) -> Option:
    """An option of `kind`."""
    choices = CHOICES if kind is Kind.CHOICE else ()
    return Option(name="some_thing", kind=kind, choices=choices, **more)


def test_one_name_gives_flag_key_and_variable() -> None:
    """The parameter's name is the flag, the key and the variable."""
    made = option(Kind.TEXT)
    assert (made.key, made.flag) == ("some-thing", "--some-thing")
    assert made.variable("cleanup-sessions") == "MAINT_CLEANUP_SESSIONS_SOME_THING"
    assert made.variable("") == "MAINT_SOME_THING"


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        (Kind.DURATION, "90s", duration("90s")),
        (Kind.DURATION, 0, duration("0")),
        (Kind.INTEGER, "1_000", 1000),
        (Kind.INTEGER, " 5\n", 5),
        (Kind.INTEGER, 5, 5),
        (Kind.PERCENT, "50%", 50.0),
        (Kind.PERCENT, " 12.5 ", 12.5),
        (Kind.PERCENT, 7, 7.0),
        (Kind.FLAG, "Yes", True),
        (Kind.FLAG, "0", False),
        (Kind.FLAG, True, True),
        (Kind.TEXT, " x ", " x "),
        (Kind.CHOICE, "wait", "wait"),
        (Kind.PATH, "a/b", Path("a/b")),
        (Kind.LIST, "a, b,c", ("a", "b", "c")),
        (Kind.LIST, "a", ("a",)),
        (Kind.LIST, ["a", " b "], ("a", "b")),
    ],
)
def test_a_value_is_read(kind: Kind, given: object, value: object) -> None:
    """From a flag's or variable's text, or from a TOML value."""
    parsed = option(kind).parse(given)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("kind", "given", "clause"),
    [
        (Kind.DURATION, 60, "'60' has a number without a unit"),
        (Kind.DURATION, True, "it is true or false and must be a duration"),
        (Kind.DURATION, [], "it is a list and must be a duration"),
        (Kind.DURATION, float("inf"), "'inf' is not a duration"),
        (Kind.INTEGER, "1e6", "'1e6' is not a whole number; write e.g. 1000"),
        (Kind.INTEGER, "٣", "is not a whole number"),
        (Kind.INTEGER, 1.5, "it is a decimal number and must be a whole number"),
        (Kind.INTEGER, True, "it is true or false and must be a whole number"),
        (Kind.INTEGER, "9" * 5000, "is too large"),
        (Kind.INTEGER, 2**63, "is too large"),
        (Kind.PERCENT, "nan", "'nan' is not a number"),
        (Kind.PERCENT, float("nan"), "'nan' is not a percentage"),
        (Kind.PERCENT, "half", "'half' is not a number; write e.g. 50"),
        (Kind.FLAG, "ja", "'ja' is neither true nor false; write true or false"),
        (Kind.FLAG, 1, "it is a number and must be true or false"),
        (Kind.TEXT, " ", "it is blank"),
        (Kind.TEXT, 5, "it is a number and must be text"),
        (Kind.CHOICE, "wiat", "'wiat' is not one of its values; did you mean wait?"),
        (Kind.CHOICE, "xyz", "known: fail, skip, wait."),
        (Kind.PATH, "a\0b", "NUL"),
        (Kind.LIST, "a,,b", "in its list, part 2: it is blank; write e.g. one,two"),
        (Kind.LIST, "a,", "in its list, part 2: it is blank"),
        (Kind.LIST, ["a", " "], "in its list, part 2: it is blank"),
        (Kind.LIST, ["a", 5], "in its list, part 2: it is a number and must be text in quotes"),
        (Kind.LIST, [], "it is an empty list; write e.g. one,two"),
        (Kind.LIST, 5, 'it is a number and must be a list such as ["one", "two"]'),
    ],
)
def test_a_wrong_value_is_refused(kind: Kind, given: object, clause: str) -> None:
    """With a clause that says what is wrong and what to write."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        option(kind).parse(given)
    assert clause in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "bounds", "text", "clause"),
    [
        (Kind.DURATION, {"min": "1s"}, "1s", None),
        (Kind.DURATION, {"min": "1s"}, "0", "0s is too small; it must be at least 1s"),
        (Kind.DURATION, {"min": "1s"}, "-5s", "-5s lies in the future; it must be at least 1s"),
        (Kind.DURATION, {}, "-5s", "-5s lies in the future; it must be at least 0"),
        (Kind.DURATION, {}, "0", None),
        (Kind.DURATION, {"max": "1y"}, "13mo", "13mo is too large; it must be at most 1y"),
        (Kind.INTEGER, {}, "-1", "-1 is too small; it must be at least 0"),
        (Kind.INTEGER, {"min": "-5"}, "-1", None),
        (Kind.PERCENT, {}, "100", None),
        (Kind.PERCENT, {}, "100.5", "100.5 is too large; it must be at most 100"),
        (Kind.TEXT, {}, "x", None),
        (Kind.FLAG, {}, "false", None),
    ],
)
def test_bounds_are_kept(kind: Kind, bounds: dict[str, str], text: str, clause: str | None) -> None:
    """Zero, negative and too large are judged after reading."""
    made = option(kind, **bounds)
    assert made.check_bounds(made.parse(text)) == clause


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Kind.DURATION, "13mo"),
        (Kind.INTEGER, "5"),
        (Kind.PERCENT, "12.5"),
        (Kind.FLAG, "false"),
        (Kind.PATH, "a/b"),
        (Kind.LIST, "a,b"),
    ],
)
def test_a_value_is_shown_as_written(kind: Kind, text: str) -> None:
    """What is shown can be written again."""
    made = option(kind)
    assert made.show(made.parse(text)) == text


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_an_example(kind: Kind) -> None:
    """The example that a message gives is a value that would be taken."""
    made = option(kind)
    assert made.check_bounds(made.parse(made.example)) is None


def test_an_empty_default_is_no_example() -> None:
    """A list without parts cannot be written, so a message does not offer it."""
    assert option(Kind.LIST, default=()).example == "one,two"
    assert option(Kind.LIST, default=("a", "b")).example == "a,b"


def test_a_list_of_choices() -> None:
    """Each is one of them; the error names what may stand there."""
    found = Option(name="tables", kind=Kind.LIST, choices=("jobs", "outbox"))
    assert found.parse("outbox, jobs") == ("outbox", "jobs")
    assert found.parse(found.example) == ("jobs", "outbox")
    with pytest.raises(ValueError, match="outbox"):
        found.parse(["jobs", "users"])
