"""Proof 1 for every sweeping job: a change that is uncommitted when the job comes saves its row.

The change is whatever an application does to that row: touch it, start it, finish it, bring its
parent, opt back in. A job waits for the row and looks again, or leaves it as locked.
"""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.jobs.every import EVERY, Every, fill, one
from tests.parts.inside import Inside
from tests.parts.waiting import until

Conn = psycopg.Connection[Any]
pytestmark = [
    pytest.mark.parametrize("every", EVERY, ids=str),
    pytest.mark.usefixtures("patient"),
]
STALE, FRESH = 30, 6


@pytest.fixture
def expected(inside: Inside, conn: Conn, every: Every) -> int:
    """Rows for the job to work on: how many it would take, were none of them saved."""
    (inside.folder / "maint.toml").write_text(every.toml)
    return fill(conn, every, stale=STALE, fresh=FRESH)


@contextmanager
def meanwhile(
    db: str, every: Every, end: Callable[[psycopg.Connection[Any]], None]
) -> Generator[threading.Event]:
    """Have the saving change `end` once somebody waits for it, or when the event says all is over."""
    over = threading.Event()
    with psycopg.connect(db) as application, psycopg.connect(db, autocommit=True) as observer:
        application.execute(every.save)
        query = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
        holder = [application.info.backend_pid]

        def end_once_waited_for() -> None:
            until(
                lambda: over.is_set() or observer.execute(query, holder).fetchone() != (0,),
                "the job waits for the row, or has left it and ended",
            )
            end(application)

        thread = threading.Thread(target=end_once_waited_for)
        thread.start()
        try:
            yield over
        finally:
            over.set()
            thread.join()


def test_a_late_change_saves_its_row(
    inside: Inside, conn: Conn, db: str, every: Every, expected: int
) -> None:
    """The row stays, in this run and in the next; all other stale rows go, and no fresh one."""
    with meanwhile(db, every, psycopg.Connection.commit):
        found = inside(*every.command, "--json")
    assert (found.code, found.json[every.figure]) == (0, expected - 1), found.err
    assert found.json["locked_count"] in {0, 1}
    again = inside(*every.command, "--json")
    assert (again.code, again.json[every.figure], again.json["locked_count"]) == (0, 0, 0)
    assert one(conn, every.saved)
    assert one(conn, every.stale) == 0
    assert one(conn, every.fresh) >= FRESH * every.times


def test_a_change_that_is_taken_back_saves_nothing(
    inside: Inside, conn: Conn, db: str, every: Every, expected: int
) -> None:
    """The same without the COMMIT: it was the change that saved the row, not the lock."""
    with meanwhile(db, every, psycopg.Connection.rollback):
        found = inside(*every.command, "--json")
    assert found.code == 0, found.err
    again = inside(*every.command, "--json")
    assert again.code == 0, again.err
    assert found.json[every.figure] + again.json[every.figure] == expected
    assert again.json[every.figure] == found.json["locked_count"] in {0, 1}
    assert not one(conn, every.saved)
    assert (one(conn, every.stale), one(conn, every.fresh)) == (0, FRESH * every.times)
