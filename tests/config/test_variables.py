"""The environment over .env, and ${NAME}."""

import pytest

from maintcli.config.variables import Variables
from maintcli.errors import ConfigError


def fill(text: str, **environ: str) -> str:
    """`text` with its variables filled in."""
    return Variables(environ).fill(text, "maint.toml url")


def refusal(text: str, **environ: str) -> str:
    """The message with which `text` is refused."""
    with pytest.raises(ConfigError) as caught:
        _ = fill(text, **environ)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain", "plain"),
        ("${A}", "one"),
        ("x${A}y${B}z", "xoneytwoz"),
        ("${NOPE:-other}", "other"),
        ("${BLANK:-other}", "other"),
        ("${NOPE:-}", ""),
        ("${A:-other}", "one"),
        ("$${A}", "${A}"),
        ("$A {A} $", "$A {A} $"),
    ],
)
def test_names_are_filled_in(text: str, filled: str) -> None:
    """${NAME}, a default, and $${ for the characters themselves."""
    assert fill(text, A="one", B="two", BLANK=" ") == filled


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${NOPE}", "maint.toml url: the variable NOPE in ${NOPE} is not set; set it."),
        ("${BLANK}", "maint.toml url: the variable BLANK in ${BLANK} is blank; set it."),
        ("${A", "maint.toml url: a ${ is not closed;"),
        ("${A B}", "maint.toml url: 'A B' in ${…} is not the name of a variable;"),
        ("${}", "maint.toml url: '' in ${…} is not the name of a variable;"),
    ],
)
def test_what_cannot_be_filled_in_is_an_error(text: str, message: str) -> None:
    """A missing variable never becomes an empty piece of a URL."""
    assert refusal(text, BLANK="").startswith(message)


def test_many_names_in_one_text() -> None:
    """Length is no problem."""
    assert fill("${A}" * 5000, A="x") == "x" * 5000


def test_the_environment_is_over_the_file() -> None:
    """An existing variable is never replaced, not even a blank one."""
    variables = Variables({"A": "env", "BLANK": ""}, {"A": "file", "B": "file", "BLANK": "x"})
    assert {name: variables[name].value for name in variables} == {
        "A": "env",
        "B": "file",
        "BLANK": "",
    }
    assert variables["A"].origin == "environment A"
    assert variables["B"].origin == ".env B"
    assert len(variables) == 3


def test_the_environment_is_literal_and_the_file_is_filled_in() -> None:
    """A password with ${ in the environment is not touched."""
    variables = Variables({"A": "${B}"}, {"B": "b", "C": "${A}${B}"})
    assert variables["A"].value == "${B}"
    assert variables["C"].value == "${B}b"


def test_a_circle_is_an_error() -> None:
    """Variables that name each other end with a message."""
    variables = Variables({}, {"A": "${B}", "B": "${A}"})
    with pytest.raises(ConfigError, match="leads back to itself"):
        _ = variables["A"]


def test_a_bad_line_for_another_program_does_no_harm() -> None:
    """Only the variable that is asked for must be right."""
    variables = Variables({}, {"THEIRS": "${NOPE}", "OURS": "x"})
    assert variables["OURS"].value == "x"
    assert variables.get("THEIRS2") is None


def test_no_value_shows_in_a_repr() -> None:
    """Neither all variables nor one of them print what they hold."""
    variables = Variables({"CRON_SECRET": "canary"}, {"B": "canary"})
    shown = f"{variables!r} {variables['CRON_SECRET']!r} {variables['B']!r}"
    assert "canary" not in shown
