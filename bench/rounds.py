"""Interleaved rounds: everything in turn, again and again, so that a slow minute hits all alike."""

import sys
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import TypeVar

from bench import quiet

T = TypeVar("T")


def interleaved(
    ways: Mapping[str, Callable[[], T]], rounds: int, *, warm_ups: int = 0
) -> dict[str, list[T]]:
    """Call every way once a round, in turn; return what each gave, warm-ups left out."""
    found: dict[str, list[T]] = {name: [] for name in ways}
    for number in range(-warm_ups, rounds):
        for name, way in ways.items():
            if number < 0:
                way()
                continue
            result, lost = quiet.measured(way)
            found[name].append(result)
            say(f"  round {number + 1}/{rounds}  {name}: {_short(result)} (lost {lost:.1%})")
    return found


def medians(found: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """The median of each."""
    return {name: median(values) for name, values in found.items()}


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def say(text: str) -> None:
    """Tell on stderr how it goes."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _short(result: object) -> str:
    return f"{result:.4g}" if isinstance(result, float) else str(result)[:150]
