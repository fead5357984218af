"""Entries for the tests of this folder, and what hypothesis makes of them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import yaml
from hypothesis import strategies as st

from maintcli.schedules import cron
from maintcli.schedules.model import Entry

SESSIONS = Entry(
    key="cleanup-sessions",
    job="cleanup-sessions",
    summary="Remove sessions that have stopped sending heartbeats.",
    expressions=("*/5 * * * *",),
    timeout_seconds=60,
)
ANALYTICS = Entry(
    key="cleanup-old-analytics",
    job="cleanup-old-analytics",
    summary="Remove old analytics events and daily totals.",
    expressions=("0 3 * * 0", "30 4 1 * *"),
    zone="Europe/Berlin",
    options=("--older-than", "30d"),
    heavy=True,
    parallelism=4,
)

TEXTS = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("$()\"'\\:#-[]{},*&!|>%@`\n\t "),
    max_size=30,
)
LOW_HIGH = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)]


@st.composite
def _term(draw: st.DrawFn, low: int, high: int) -> str:
    """A star, a number, a range, each with or without a step."""
    first = draw(st.integers(low, high))
    body = draw(st.sampled_from(["*", str(first), f"{first}-{draw(st.integers(first, high))}"]))
    step = draw(st.none() | st.integers(1, high))
    return body if step is None else f"{body}/{step}"


def is_due(expression: str) -> bool:
    """Whether cron takes it, and it is due at some time; what is declared is."""
    try:
        return cron.next_time(expression, "UTC", datetime(2026, 1, 1, tzinfo=UTC)) is not None
    except ValueError:
        return False


@st.composite
def written(draw: st.DrawFn) -> str:
    """Five fields."""
    fields = [
        ",".join(draw(st.lists(_term(low, high), min_size=1, max_size=3))) for low, high in LOW_HIGH
    ]
    return " ".join(fields)


def expressions() -> st.SearchStrategy[str]:
    """Anything that can be declared."""
    return written().filter(is_due)


KEYS = st.from_regex(r"[a-z][a-z0-9-]{0,70}", fullmatch=True) | TEXTS.filter(bool)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    """An entry with any options, of any key."""
    from maintcli.schedules.targets.kubernetes.cronjob import translated

    due = expressions().filter(lambda e: translated(e) is not None)
    return Entry(
        key=draw(KEYS),
        job=draw(st.from_regex(r"[a-z][a-z0-9-]{0,40}", fullmatch=True)),
        summary=draw(TEXTS),
        expressions=tuple(draw(st.lists(due, min_size=1, max_size=3, unique=True))),
        zone=draw(st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"])),
        timeout_seconds=draw(st.floats(1, 1e6)),
        options=tuple(draw(st.lists(TEXTS | st.just("--if-locked=wait"), max_size=4))),
        parallelism=draw(st.sampled_from([1, 1, 4, 1000])),
        repeatable=draw(st.booleans()),
    )


def manifests(files: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Each YAML file as PyYAML reads it."""
    return {name: yaml.safe_load(text) for name, text in files.items() if name.endswith(".yaml")}
