"""A signal while an item of a queue is in flight: it may end, within bounds."""

import fcntl
import os
import resource
import signal
import socket
import time

import psycopg
import pytest
from psycopg import sql

from maintcli.errors import DeadlinePassed, Interrupted, LeaseLost
from maintcli.runtime.session import Session
from maintcli.runtime.stop import (
    GRACE_SECONDS,
    ITEM_GRACE_SECONDS,
    Deadline,
    Stop,
    enforced,
    on_signals,
)
from maintcli.runtime.visit import bounded
from tests.parts.inside import Inside
from tests.parts.ledger import Conn

_SOON = 0.05
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def _send(number: signal.Signals = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


def _call(stop: Stop, *signals: signal.Signals) -> None:
    """Call a peer that never answers, once these signals have come."""
    here, there = socket.socketpair()
    with here, there, stop.outside():
        for number in signals:
            _send(number)
        here.recv(1)


@pytest.mark.parametrize("number", _SIGNALS)
def test_an_item_ends_and_the_run_stops_behind_it(number: signal.Signals) -> None:
    """Its checks pass after the signal; the next one behind it raises."""
    with on_signals() as stop:
        with stop.item():
            with stop.outside():
                _send(number)
            stop.check()
            stop.check()
        with pytest.raises(Interrupted, match=number.name):
            stop.check()


def test_no_item_begins_after_a_signal() -> None:
    """What is not claimed yet is left for the next run."""
    with on_signals() as stop:
        _send()
        with pytest.raises(Interrupted), stop.item():
            pytest.fail("it began")


@pytest.mark.parametrize("reason", [LeaseLost("gone"), DeadlinePassed("late")])
def test_only_a_signal_gives_an_item_grace(reason: LeaseLost | DeadlinePassed) -> None:
    """Without its lease a run may not settle; and the deadline is the last word."""
    with on_signals() as stop, stop.item():
        stop.request(reason)
        with pytest.raises(type(reason)):
            stop.check()


def test_a_call_that_does_not_end_is_broken_off() -> None:
    """The peer never answers: without the timer this would wait for ever."""
    with on_signals() as stop:
        with pytest.raises(Interrupted), stop.item(_SOON):
            _call(stop, signal.SIGTERM)
        with pytest.raises(Interrupted):
            stop.check()


def test_a_second_signal_does_not_prolong_the_grace() -> None:
    """Schedulers and people press twice; the first one counts."""
    with on_signals() as stop, pytest.raises(Interrupted, match="SIGTERM"), stop.item(1.0):
        _call(stop, signal.SIGTERM, signal.SIGINT)


def test_own_code_between_calls_is_not_broken_off() -> None:
    """It learns of the end by asking: an exception anywhere would break a connection."""
    with on_signals() as stop, stop.item(_SOON):
        _send()
        while not stop._item_over:
            time.sleep(0.01)
        with pytest.raises(Interrupted):
            stop.check()


def test_an_item_that_ended_leaves_the_timer_as_it_was() -> None:
    """Its SIGALRM would meet whatever comes later, and another's would be missing."""
    own, timer = signal.getsignal(signal.SIGALRM), signal.setitimer(signal.ITIMER_REAL, 3600)
    try:
        with on_signals() as stop:
            with stop.item():
                _send()
                assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= ITEM_GRACE_SECONDS
            assert signal.getitimer(signal.ITIMER_REAL)[0] > ITEM_GRACE_SECONDS
            assert signal.getsignal(signal.SIGALRM) == own
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)


def test_an_item_may_settle_and_a_statement_that_hangs_is_cancelled(db: str) -> None:
    """Statements run in the grace, and are cancelled by the server at its end."""
    connection = psycopg.connect(db, autocommit=True)
    until = Deadline(600, "10m")
    with connection, on_signals() as stop:
        session = Session(lambda: connection, stop, until)
        _ = session.connection
        with enforced(until, stop, session.cancel, session.cut):
            with stop.item(1.0):
                _send()
                assert session.read("SELECT 1") == [(1,)]
                with pytest.raises(Interrupted):
                    session.read("SELECT pg_sleep(600)")
            with pytest.raises(Interrupted):
                session.read("SELECT 1")


def test_a_stop_is_heard_on_a_descriptor_beyond_1024() -> None:
    """In a program with many files open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    stop = Stop()
    low, stop._read = stop._read, fcntl.fcntl(stop._read, fcntl.F_DUPFD, 1024)
    try:
        assert not stop.heard(0.0)
        stop.request(Interrupted("SIGTERM"))
        assert stop.heard(1e12)
    finally:
        os.close(low)
        stop.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_visit_opens_no_descriptor(conn: Conn) -> None:
    """A program that asks for the status every minute keeps as many as it had."""
    conn.execute("SELECT 1")
    before = _lowest_free()
    sessions = [bounded(conn) for _ in range(3)]
    assert [session.read("SELECT 1") for session in sessions] == [[(1,)]] * 3
    assert _lowest_free() == before


def _lowest_free() -> int:
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.close(descriptor)
    return descriptor


def test_the_grace_is_15_s_in_an_item_and_5_s_elsewhere() -> None:
    """Below the 30 s that Kubernetes gives."""
    stop = Stop()
    assert stop.grace_seconds == GRACE_SECONDS == 5
    with stop.item():
        assert stop.grace_seconds == ITEM_GRACE_SECONDS == 15
    assert stop.grace_seconds == 5
    stop.close()


@pytest.mark.parametrize(
    ("given", "plain", "durable"),
    [("off", "off", "on"), ("on", "on", "on"), ("remote_apply", "remote_apply", "remote_apply")],
)
def test_a_durable_transaction_waits_for_the_disk(
    conn: Conn, db: str, given: str, plain: str, durable: str
) -> None:
    """Also where the database's own setting is off; one that waits for more stays."""
    name = sql.Identifier(conn.info.dbname)
    conn.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = {}").format(name, given))
    connection = psycopg.connect(db, autocommit=True)
    asked = sql.SQL("SELECT pg_catalog.current_setting('synchronous_commit')")
    with connection:
        session = Session(lambda: connection, Stop(), Deadline(60, "1m"))
        assert session.write(asked, ours=True) == [(plain,)]
        assert session.write(asked, ours=True, durable=True) == [(durable,)]
        assert session.write(asked, ours=True) == [(plain,)]


def test_the_beginning_and_the_end_of_a_run_are_durable(inside: Inside, conn: Conn) -> None:
    """Read inside their transactions, in a database that does not wait for the disk."""
    name = sql.Identifier(conn.info.dbname)
    conn.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(name))
    conn.execute("""
        CREATE TABLE public.seen (what text, setting text);
        CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO public.seen VALUES (
                CASE WHEN TG_OP = 'INSERT' THEN 'begun'
                     WHEN NEW.finished_at IS NULL THEN 'batch' ELSE 'ended' END,
                current_setting('synchronous_commit'));
            RETURN NULL;
        END $$;
        CREATE TRIGGER see AFTER INSERT OR UPDATE ON job_runs
            FOR EACH ROW EXECUTE FUNCTION public.see();
        INSERT INTO active_sessions VALUES ('s', 'k', now() - interval '1 h');
    """)
    assert inside("cleanup-sessions").code == 0
    seen = conn.execute("SELECT DISTINCT what, setting FROM seen ORDER BY what").fetchall()
    assert seen == [("batch", "off"), ("begun", "on"), ("ended", "on")]
