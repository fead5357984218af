"""Waiting for something to become true, with a deadline instead of a guess."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 180.0
"""Seconds until what must come is given up: many, for a machine that others keep busy."""


def until(question: Callable[[], T], what: str, *, seconds: float = PATIENCE) -> T:
    """Ask again and again until the answer is true, and return it; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.01)
    return answer
