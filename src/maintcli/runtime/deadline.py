"""The deadline, and the thread that makes it and signals true while a query runs."""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from maintcli.errors import DeadlinePassed, Interrupted
from maintcli.runtime.stop import Stop

GRACE_SECONDS = 5.0  # schedulers send SIGTERM once and SIGKILL 10 to 30 s later


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
        elif isinstance(stop.reason, Interrupted) and over.wait(min(GRACE_SECONDS, deadline.left)):
            return
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
