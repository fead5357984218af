"""Trying again, bounded; imported at the first failure, because tenacity costs start-up time."""

import time
from collections.abc import Callable
from typing import TypeVar

import tenacity

from maintcli.errors import MaintError

T = TypeVar("T")


def until(
    action: Callable[[], T],
    *,
    seconds: float,
    wait: Callable[[float], None],
    retry: type[MaintError],
    first: MaintError,
) -> T:
    """Repeat `action` for up to `seconds`, with jitter, while it raises `retry`.

    `wait` sleeps, and raises when the run must stop. `first` is the failure that brought us here:
    it is raised again where no time is left.
    """
    if seconds < 0.5:
        raise first
    end = time.monotonic() + seconds

    def sleep(asked: float) -> None:
        wait(min(asked, max(0.0, end - time.monotonic())))

    attempts = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(retry),
        stop=lambda _: time.monotonic() >= end,
        wait=tenacity.wait_random_exponential(multiplier=0.2, max=3),
        sleep=sleep,
        reraise=True,
    )
    sleep(0.2)
    return attempts(action)
