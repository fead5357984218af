"""Measuring on a machine that is not ours alone: what others disturbed is measured again.

A host that gives a processor to another machine for some milliseconds makes a figure of ours worse
and says so only in a counter (steal). Whether to measure again depends on that counter and on the
processor time of programs that are not ours, never on the figure.
"""

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from bench import processors

MOST_LOST = 0.02  # share of the processors' time
T = TypeVar("T")


@dataclass
class Watch:
    """What the measurements of one section lost to others. `ours` are processes that belong to us.

    A measurement is made again up to `most_again` times. `intervals` are the shares of the one that
    goes on, `kept` one of each that counts.
    """

    most_again: int = 0
    ours: set[int] = field(default_factory=lambda: {os.getpid()})
    intervals: list[float] = field(default_factory=list[float])
    kept: list[float] = field(default_factory=list[float])
    again: int = 0

    def begin(self) -> None:
        """Forget the section before."""
        self.kept.clear()
        self.again = 0

    def said(self) -> str:
        """In a sentence or two, for the section."""
        if not self.kept:
            return ""
        still = [lost for lost in self.kept if lost > MOST_LOST]
        rest = f", of which {len(still)} lost up to {_percent(max(still))}" if still else ""
        return (
            f"{self.again} measurements were discarded and made again (each at most"
            f" {self.most_again} times), as the host (steal) or other programs had over"
            f" {_percent(MOST_LOST)} of the processors' time; {len(self.kept)} count{rest}."
        )


WATCH = Watch()


@contextmanager
def timed() -> Generator[None]:
    """What happens within is measured, or a part of what is."""
    before = processors.read()
    try:
        yield
    finally:
        WATCH.intervals.append(processors.lost(before, processors.read(), WATCH.ours))


def measured(way: Callable[[], T]) -> tuple[T, float]:
    """What `way` gave when others took least, and what share of its worst interval that was."""
    result, least = _once(way)
    for _ in range(WATCH.most_again):
        if least <= MOST_LOST:
            break
        WATCH.again += 1
        another, lost = _once(way)
        if lost < least:
            result, least = another, lost
    WATCH.kept.append(least)
    return result, least


def _once(way: Callable[[], T]) -> tuple[T, float]:
    WATCH.intervals.clear()
    result = way()
    return result, max(WATCH.intervals, default=0.0)


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"
