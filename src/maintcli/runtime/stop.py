"""When a run must end: signals and the deadline, and how work and waits hear of them."""

import contextlib
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

from maintcli.errors import DeadlinePassed, Interrupted, MaintError

GRACE_SECONDS = 5.0  # schedulers send SIGTERM once and SIGKILL 10 to 30 s later
ITEM_GRACE_SECONDS = 15.0
_LONGEST_WAIT_SECONDS = 86_400.0  # at once; milliseconds must fit an int of C
KEPT = "; what was committed is kept, the rest was rolled back"


class Stop:
    """A reason to stop, set once, by a signal, the deadline, or a lost lease.

    A pipe carries the news, because it is the one way to wake a waiting thread that is safe
    inside a signal handler.
    """

    _item_seconds: float | None = None
    _is_outside = _item_over = False
    _before: tuple[Any, tuple[float, float]] | None = None  # whose SIGALRM and timer it was

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

    @contextmanager
    def item(self, seconds: float = ITEM_GRACE_SECONDS) -> Generator[None]:
        """Let one item, with its settle, end after a signal; `seconds` later the reason is raised.

        None begins once a stop is asked for. A deadline or a lost lease gives no grace.
        """
        self._item_seconds = seconds  # first: a signal that comes from here on starts the timer
        try:
            if self.reason is not None:
                raise self.reason
            yield
        finally:
            self._item_seconds = None
            if self._before is not None:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, self._before[0])
                signal.setitimer(signal.ITIMER_REAL, *self._before[1])

    @contextmanager
    def outside(self) -> Generator[None]:
        """Within an item: a call to the outside world, which nothing but an exception can end.

        Statements are cancelled instead: an exception would leave their connection broken.
        """
        self.check()
        self._is_outside = True
        try:
            yield
        finally:
            self._is_outside = False

    @property
    def grace_seconds(self) -> float:
        """How long what runs now may take to end after a signal."""
        return GRACE_SECONDS if self._item_seconds is None else self._item_seconds

    def finish(self) -> None:
        """Wake the threads that wait: the run is over, and needs no reason."""
        os.write(self._write, b".")

    def close(self) -> None:
        """Give the pipe back, once no thread waits any more."""
        os.close(self._read)
        os.close(self._write)

    def check(self) -> None:
        """Raise the reason, if there is one."""
        if self.reason is not None and not self._lets_end:
            raise self.reason

    @property
    def _lets_end(self) -> bool:
        is_signal = isinstance(self.reason, Interrupted)
        return is_signal and self._item_seconds is not None and not self._item_over

    def hear(self, reason: Interrupted) -> None:
        """A signal came: a stop, at once where the main thread waits, later where an item runs."""
        is_first = self.reason is None
        self.request(reason)
        if self.impatient:
            self.check()
        elif is_first and self._item_seconds is not None:
            handler = signal.signal(signal.SIGALRM, self._hear_timer)
            self._before = handler, signal.setitimer(signal.ITIMER_REAL, self._item_seconds)

    def end_item(self) -> None:
        """The item's time is over: from now on `check` raises."""
        self._item_over = True

    def _hear_timer(self, _number: int, _frame: FrameType | None) -> None:
        """The same, of the timer's signal: it also ends a call to the outside world."""
        self.end_item()
        if self._is_outside:
            self.check()

    def wait(self, seconds: float) -> None:
        """Sleep, but wake and raise when a stop is asked for."""
        self.heard(seconds)
        self.check()

    def heard(self, seconds: float) -> bool:
        """Sleep up to `seconds`; return at once, and True, when a stop is asked for."""
        end = time.monotonic() + seconds
        news = select.poll()  # select knows no descriptor from 1024 on
        news.register(self._read, select.POLLIN)
        while True:
            left = max(0.0, end - time.monotonic())
            if news.poll(1000 * min(left, _LONGEST_WAIT_SECONDS)):
                return True
            if time.monotonic() >= end:
                return False


class Never(Stop):
    """For work that no signal or deadline ends early: short visits, and a run's last words.

    It opens no pipe.
    """

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
    """A stop that no signal asks for: the process and its handlers belong to the caller."""
    stop = Stop()
    try:
        yield stop
    finally:
        stop.close()


@contextmanager
def on_signals(left: str = KEPT) -> Generator[Stop]:
    """Turn SIGTERM and SIGINT into a stop for the length of a run; `left` says what it leaves."""

    def handle(number: int, _frame: FrameType | None) -> None:
        stop.hear(Interrupted(signal.Signals(number).name, left))

    with without_signals() as stop:
        before = {s: signal.signal(s, handle) for s in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield stop
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


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
