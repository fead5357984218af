"""The deadline, the thread that enforces it and signals while a query runs, and bounded retries."""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

from maintcli.errors import DeadlinePassed, Interrupted, MaintError
from maintcli.runtime.stop import GRACE_SECONDS, Stop

T = TypeVar("T")


class Deadline:
    """When a run must have ended, on this process's steady clock."""

    def __init__(self, seconds: float, text: str) -> None:
        self.seconds = seconds
        self.text = text
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds left; never negative."""
        return max(0.0, self._end - time.monotonic())


@contextmanager
def enforced(
    deadline: Deadline, stop: Stop, cancel: Callable[[], None], cut: Callable[[], None]
) -> Generator[None]:
    """Cancel the server's query at the deadline, or a grace period after any other stop.

    `cancel` asks the server; a server that answers nothing within another grace period has its
    connection cut, so that no network can hold a run beyond its end.
    """
    over = threading.Event()

    def watch() -> None:
        heard = stop.heard(deadline.left)
        if over.is_set():
            return
        if not heard:
            stop.request(
                DeadlinePassed(
                    f"The deadline of {deadline.text} passed with work unfinished; what was done is"
                    " kept."
                )
            )
        elif isinstance(stop.reason, Interrupted) and over.wait(
            min(stop.grace_seconds, deadline.left)
        ):
            return
        stop.end_item()
        asked_since = time.monotonic()
        while not over.is_set():
            cancel()
            if time.monotonic() - asked_since > GRACE_SECONDS:
                cut()
            over.wait(0.5)

    thread = threading.Thread(target=watch, name="maint-deadline", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        stop.finish()
        thread.join()


def retry(
    action: Callable[[], T],
    *,
    seconds: float,
    wait: Callable[[float], None],
    on: type[MaintError],
    first: MaintError,
) -> T:
    """Repeat `action` for up to `seconds`, with jitter, while it raises `on`.

    `wait` sleeps, and raises when the run must stop. `first` is the failure that brought us here:
    it is raised again where no time is left.
    """
    import tenacity  # at the first failure: it costs start-up time

    if seconds < 0.5:
        raise first
    end = time.monotonic() + seconds

    def sleep(asked: float) -> None:
        wait(min(asked, max(0.0, end - time.monotonic())))

    attempts = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(on),
        stop=lambda _: time.monotonic() >= end,
        wait=tenacity.wait_random_exponential(multiplier=0.2, max=3),
        sleep=sleep,
        reraise=True,
    )
    sleep(0.2)
    return attempts(action)
