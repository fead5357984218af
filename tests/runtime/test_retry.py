"""Connecting again and again"""

import time
from collections.abc import Callable
from contextlib import closing

import psycopg
import pytest

from maintcli.db import connect, sqlstate
from maintcli.db.connect import Connection
from maintcli.errors import DeadlinePassed, Interrupted, LeaseLost, MaintError, Unreachable
from maintcli.runtime.session import Session
from maintcli.runtime.stop import Deadline, Stop, retry

FIRST = Unreachable("at first")


class Clock:
    """Stands for the steady clock; only who waits lets time pass."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        """As time.sleep."""
        assert seconds >= 0
        self.now += seconds


def failing(clock: Clock, takes: float = 0.0) -> Callable[[], None]:
    """An action that fails each time."""

    def action() -> None:
        clock.now += takes
        raise Unreachable(f"after {clock.now}")

    return action


@pytest.mark.parametrize("seconds", [0.5, 1.0, 4.0, 30.0])
def test_no_sleep_goes_past_the_end(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """The last try is at the end at the latest, whatever the jitter; its failure is raised."""
    for _ in range(50):
        clock = Clock()
        monkeypatch.setattr(time, "monotonic", clock)
        with pytest.raises(Unreachable) as caught:
            retry(failing(clock), seconds=seconds, wait=clock.wait, on=Unreachable, first=FIRST)
        assert clock.now <= seconds + 1e-6
        assert str(caught.value) != str(FIRST)


def test_without_time_nothing_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The failure that brought us here is raised again."""
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    with pytest.raises(Unreachable) as caught:
        retry(failing(clock), seconds=0.4, wait=clock.wait, on=Unreachable, first=FIRST)
    assert caught.value is FIRST
    assert clock.now == 0


@pytest.mark.parametrize(
    ("reason", "raised"),
    [
        (
            DeadlinePassed("at 1m"),
            Unreachable,
        ),
        (LeaseLost("of a"), Unreachable),
        (Interrupted("SIGTERM"), Interrupted),
    ],
)
def test_unreachable_to_the_end_is_unreachable(
    reason: MaintError, raised: type[MaintError]
) -> None:
    """The deadline that passes while nothing can be reached does not make it 124; a signal counts."""
    tries: list[str] = []
    with closing(Stop()) as stop:

        def opener() -> Connection:
            tries.append(f"try {len(tries)}")
            if len(tries) == 3:
                stop.request(reason)
            raise Unreachable(tries[-1])

        session = Session(opener, stop, Deadline(600, "10m"))
        with pytest.raises(raised) as caught:
            _ = session.connection
    assert len(tries) == 3
    if raised is Unreachable:
        assert "try 2" in str(caught.value)


def test_a_connection_whose_answer_is_lost_is_replaced(db: str) -> None:
    """libpq still calls it good where psycopg found its socket broken in the middle of a command."""

    def opener() -> Connection:
        target = connect.parameters(db, "here")
        return connect.connect(target, application="maint/test", read_only=False, seconds=10)

    with closing(Stop()) as stop, closing(Session(opener, stop, Deadline(600, "10m"))) as session:
        first = session.connection
        first.pgconn.send_query(b"SELECT 1")
        with pytest.raises(psycopg.OperationalError) as caught:
            session.read("SELECT 1")
        assert sqlstate.is_lost(caught.value, first)
        assert session.read("SELECT 1") == [(1,)]
        assert session.connection is not first
