"""Durations as people write them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maintcli.config.duration import Duration, duration

UNITS = st.sampled_from(["ms", "s", "m", "h", "d", "w", "mo", "y"])
PARTS = st.lists(st.tuples(st.integers(0, 200), UNITS), min_size=1, max_size=4)
SECONDS = st.floats(0, 3e10, allow_nan=False)


@pytest.mark.parametrize(
    ("text", "months", "seconds"),
    [
        ("60s", 0, 60),
        ("90s", 0, 90),
        ("15m", 0, 900),
        ("24h", 0, 86400),
        ("90d", 0, 90 * 86400),
        ("2w", 0, 14 * 86400),
        ("13mo", 13, 0),
        ("1y", 12, 0),
        ("500ms", 0, 0.5),
        ("1.5h", 0, 5400),
        ("1h30m", 0, 5400),
        (" 1h 30m ", 0, 5400),
        ("10 d", 0, 864000),
        ("1mo2d", 1, 172800),
        ("0", 0, 0),
        ("0s", 0, 0),
        ("-5s", 0, -5),
        ("-1mo", -1, 0),
    ],
)
def test_a_duration_is_months_and_seconds(text: str, months: int, seconds: float) -> None:
    """Months stay calendar months; everything else is exact seconds."""
    assert Duration.parse(text) == Duration(months, seconds)


@pytest.mark.parametrize("text", ["60s", "90s", "15m", "24h", "90d", "13mo", "1y", "1h30m", "10ms"])
def test_the_usual_spellings_are_canonical(text: str) -> None:
    """What a person writes comes back as written."""
    assert str(duration(text)) == text


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("", "blank"),
        ("  ", "blank"),
        ("-", "not a duration"),
        ("abc", "'abc' is not a duration; write e.g. 90s, 15m, 24h, 90d, 13mo, 1y"),
        ("10 parsecs", "'10 parsecs' is not a duration"),
        ("60", "without a unit"),
        (
            "5M",
            r"'5M' is not a duration; did you mean 5m or 5mo\? The units are ms, s, m (minutes), ",
        ),
        (
            "5min",
            r"'5min' is not a duration; did you mean 5m\? The units are ms, s, m (minutes), h",
        ),
        ("5minutes", r"did you mean 5m\? "),
        ("90 days", r"did you mean 90d\? "),
        ("1 day", r"did you mean 1d\? "),
        ("1 Day 2HOURS", r"did you mean 1d 2h\? "),
        ("3 months", r"did you mean 3mo\? "),
        ("1.5 months", "not a duration; write e.g."),
        ("password=1 day", r"'\*\*\*' is not a duration; write e.g."),
        ("--5s", "not a duration"),
        ("1h-5m", "not a duration"),
        ("1.2.3s", "not a duration"),
        ("٣s", "not a duration"),
        ("h", "not a duration"),
        ("1.5mo", "fraction"),
        ("9999y", "longer than 1000 years"),
        ("9" * 400 + "s", "longer than 1000 years"),
        ("9" * 400 + "y", "longer than 1000 years"),
    ],
)
def test_nonsense_is_refused_with_a_helpful_clause(text: str, clause: str) -> None:
    """A bad duration says what is wrong with it and what to write."""
    with pytest.raises(
        ValueError, match=clause.replace(".", r"\.").replace("(", r"\(").replace(")", r"\)")
    ):
        _ = Duration.parse(text)


@given(PARTS)
@settings(max_examples=60, deadline=None, database=None)
def test_text_and_back(parts: list[tuple[int, str]]) -> None:
    """The canonical text of any parsed duration parses to the same duration."""
    parsed = Duration.parse("".join(f"{number}{unit}" for number, unit in parts))
    assert Duration.parse(str(parsed)) == parsed


@given(seconds=SECONDS, months=st.integers(0, 100), negative=st.booleans())
@settings(max_examples=60, deadline=None, database=None)
def test_any_duration_and_back(seconds: float, months: int, *, negative: bool) -> None:
    """Fractions and negative durations survive their text too."""
    sign = -1 if negative else 1
    made = Duration(sign * months, sign * seconds)
    assert Duration.parse(str(made)) == made


@given(st.text(max_size=12))
@settings(max_examples=100, deadline=None, database=None)
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    """No text makes the parser fail in another way."""
    try:
        _ = Duration.parse(text)
    except ValueError:
        return


def test_zero_is_false() -> None:
    """Zero can be told from a real age."""
    assert not duration("0")
    assert duration("1ms")
    assert duration("-1mo")


def test_mixed_signs_are_refused() -> None:
    """A duration points one way."""
    with pytest.raises(ValueError, match="different directions"):
        _ = Duration(1, -5)


def test_not_a_number_is_refused() -> None:
    """NaN seconds never become a cutoff."""
    with pytest.raises(ValueError, match="longer than"):
        _ = Duration(0, float("nan"))


def test_months_compare_roughly() -> None:
    """A month counts 30.44 days when durations are compared."""
    assert duration("30d").approx_seconds < duration("1mo").approx_seconds
    assert duration("1mo").approx_seconds < duration("31d").approx_seconds


def test_a_password_pasted_as_duration_is_not_echoed() -> None:
    """A URL in the wrong place stays secret."""
    with pytest.raises(ValueError, match=r"'\*\*\*' is not a duration"):
        _ = Duration.parse("postgres://u:canary@h")
