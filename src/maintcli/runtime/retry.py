"""Trying again, bounded; imported at the first failure, because tenacity costs start-up time."""

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
    attempts = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(retry),
        stop=tenacity.stop_after_delay(seconds),
        wait=tenacity.wait_random_exponential(multiplier=0.2, max=3),
        sleep=wait,
        reraise=True,
    )
    wait(0.2)
    return attempts(action)
