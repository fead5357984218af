"""The one question work asks between batches: may I go on?"""

import contextlib
import os
import select
import signal
import time
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

from maintcli.errors import Interrupted, MaintError

KEPT = "; what was committed is kept, the rest was rolled back"


class Stop:
    """A reason to stop, set once, by a signal, the deadline, or a lost lease.

    A pipe carries the news, because it is the one way to wake a waiting thread that is safe
    inside a signal handler.
    """

    def __init__(self) -> None:
        self.reason: MaintError | None = None
        self.impatient = False
        self._read, self._write = os.pipe()

    def request(self, reason: MaintError) -> None:
        """Ask for a stop; the first reason stays."""
        if self.reason is None:
            self.reason = reason
            with contextlib.suppress(OSError):  # the run is over, and its pipe given back
                os.write(self._write, b"!")

    @contextmanager
    def breaking(self) -> Generator[None]:
        """Let a signal raise at once, for waits of the main thread that nothing else can end."""
        self.check()
        self.impatient = True
        try:
            yield
        finally:
            self.impatient = False

    def finish(self) -> None:
        """Wake whoever waits: the run is over, and needs no reason."""
        os.write(self._write, b".")

    def close(self) -> None:
        """Give the pipe back, once nobody waits any more."""
        os.close(self._read)
        os.close(self._write)

    def check(self) -> None:
        """Raise the reason, if there is one."""
        if self.reason is not None:
            raise self.reason

    def wait(self, seconds: float) -> None:
        """Sleep, but wake and raise when a stop is asked for."""
        self.heard(seconds)
        self.check()

    def heard(self, seconds: float) -> bool:
        """Sleep up to `seconds`; return at once, and True, when a stop is asked for."""
        end = time.monotonic() + seconds
        while True:
            ready, _, _ = select.select([self._read], [], [], max(0.0, end - time.monotonic()))
            if ready or time.monotonic() >= end:
                return bool(ready)


class Never(Stop):
    """For what has to be said at the end, whatever was asked for before."""

    def __init__(self) -> None:
        self.reason = None
        self.impatient = False

    def request(self, reason: MaintError) -> None:
        """Nothing."""

    def heard(self, seconds: float) -> bool:
        """Sleep; nothing is heard."""
        time.sleep(seconds)
        return False


@contextmanager
def without_signals() -> Generator[Stop]:
    """A stop that no signal asks for: the process, and its handlers, are somebody else's."""
    stop = Stop()
    try:
        yield stop
    finally:
        stop.close()


@contextmanager
def on_signals(left: str = KEPT) -> Generator[Stop]:
    """Turn SIGTERM and SIGINT into a stop for the length of a run; `left` says what it leaves."""

    def handle(number: int, _frame: FrameType | None) -> None:
        stop.request(Interrupted(signal.Signals(number).name, left))
        if stop.impatient:
            stop.check()

    with without_signals() as stop:
        before = {s: signal.signal(s, handle) for s in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield stop
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
