"""A run's connection: one round trip a transaction, bounded in time, replaced when it breaks."""

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
from psycopg import sql

from maintcli.db import formats, search_path
from maintcli.db.catalog import protections
from maintcli.db.connect import NOT_REACHED, Connection, cut, first_answer, said_when_slow
from maintcli.errors import DeadlinePassed, LeaseLost, Unreachable
from maintcli.runtime.stop import Deadline, Never, Stop, retry

if TYPE_CHECKING:
    from maintcli.runtime.cursors import Cursors

LOCK_TIMEOUT_MS = 500  # below deadlock_timeout (1 s): the application is never a deadlock's victim
STATEMENT_CAP_SECONDS = 300.0
RECONNECT_SECONDS = 30.0
BEHIND_DEADLINE_SECONDS = 1.0  # the deadline's thread cancels first, and knows why
LEAST_SECONDS = 1.0  # with less there is nothing to wait for
LAST_WORDS_SECONDS = 8.0
Row = tuple[Any, ...]

# READ COMMITTED is what makes a DELETE look again at a row that changed under it.
_READ = sql.SQL("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY")
WRITE = sql.SQL("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
# Where it is not off, it waits for as much as the user wants, or for more.
_DURABLE = sql.SQL("""SELECT pg_catalog.set_config('synchronous_commit', 'on', true)
WHERE pg_catalog.current_setting('synchronous_commit') = 'off'""")


class Session:
    """Sends whole transactions as one message each, `BEGIN` to `COMMIT`.

    A client that freezes or dies in the middle leaves no transaction open: the server has the
    whole of it or nothing. `converse` alone leaves one open, which the server ends when it idles.
    Limits are SET LOCAL, since a pooler hands the session to others. Names mean the catalog's, see
    db/search_path.py, until `runs_code_of_users` says that SQL of the user's is to follow.
    """

    def __init__(
        self,
        opener: Callable[[], Connection],
        stop: Stop,
        deadline: Deadline,
        *,
        say: Callable[[str], None] = lambda _sentence: None,
        patience: float = RECONNECT_SECONDS,
    ) -> None:
        self.stop = stop
        self.deadline = deadline
        self.opener = opener
        self._say = say
        self._patience = patience
        self.runs_code_of_users = False
        self._connection: Connection | None = None
        self._schemas: tuple[str, ...] | None = None

    @property
    def connection(self) -> Connection:
        """The open connection; opened, with retries, where there is none."""
        if self._connection is None or self._connection.closed or self._connection.broken:
            self._connection = self._connect()
        return self._connection

    @property
    def connection_or_none(self) -> Connection | None:
        """The connection as it is, open or broken."""
        return self._connection

    @property
    def schemas(self) -> tuple[str, ...]:
        """The schemas of the user's own search path; read once, so that a run keeps to them."""
        if self._schemas is None:
            _ = self.connection
        return self._schemas or ()

    @property
    def closed_schemas(self) -> tuple[str, ...]:
        """Those of the path that are closed to this role, so that PostgreSQL passes them over."""
        return search_path.closed(self.connection)

    def look_into_closed_schemas(self) -> None:
        """Let `schemas` name them, too: to say what a role would find that may use them."""
        self._schemas = (*self.schemas, *self.closed_schemas)

    @property
    def path(self) -> sql.Composable:
        """The statement that says whose names are meant; the first of every transaction."""
        if self.runs_code_of_users:
            return search_path.behind_catalog(self.schemas)
        return search_path.PINNED

    def admit_code_on(self, oids: Iterable[int]) -> None:
        """Let code of the user's that stands on these relations find what it was written for.

        Raises ConfigError.
        """
        oids = sorted(oids)
        protections.check_names(self, oids)
        if not self.runs_code_of_users:
            self.runs_code_of_users = protections.stands_on(self, oids)

    def read(
        self, query: LiteralString, params: Mapping[str, Any] | Sequence[Any] | None = None
    ) -> list[Row]:
        """Run one query of ours in a READ ONLY transaction of its own and return its rows."""
        return self.read_composed(sql.SQL(query), params, ours=True)

    def read_composed(
        self,
        query: sql.Composable,
        params: Mapping[str, Any] | Sequence[Any] | None = None,
        *,
        statement_seconds: float | None = None,
        settings: sql.Composable | None = None,
        ours: bool = False,
    ) -> list[Row]:
        """The same for a query with identifiers put in; `ours`: no code of the user's is in it."""
        text = search_path.bound(self.connection, query, params)
        limits = self.limits(statement_seconds, ours=ours)
        return self._send(_READ, [*limits, *([settings] if settings else []), text])

    def write(
        self,
        query: sql.Composable,
        params: Mapping[str, Any] | Sequence[Any] | None = None,
        *,
        settings: sql.Composable | None = None,
        then: sql.Composable | None = None,
        statement_seconds: float | None = None,
        ours: bool = False,
        durable: bool = False,
    ) -> list[Row]:
        """Run `query`, then `then`, in one transaction; return the last rows that came back.

        `durable`: no crash of the server may lose it, whatever the role's own settings say.
        """
        text = search_path.bound(self.connection, query, params)
        limits = self.limits(statement_seconds, ours=ours)
        first = [*([_DURABLE] if durable else []), *([settings] if settings else [])]
        parts = [*limits, *first, text]
        return self._send(WRITE, [*parts, *([then] if then else [])])

    def converse(
        self,
        first: Sequence[sql.Composable],
        answer: "Callable[[list[Row], Cursors], Sequence[sql.Composable]]",
        *,
        statement_seconds: float | None = None,
    ) -> list[Row]:
        """Run `first` in a transaction that stays open until `answer` has said what follows.

        `answer` gets the last rows that came back, and what reads cursors that `first` declared. It
        may take its time. Return the last rows that came back after it. What `answer` raises ends
        the transaction without a trace.
        """
        from maintcli.runtime.cursors import Cursors

        self.stop.check()
        connection = self.connection
        opening = [
            WRITE,
            *formats.enclosed(connection, [*self.limits(statement_seconds), *first]),
        ]
        try:
            found = search_path.last_rows(connection.execute(sql.SQL("; ").join(opening)))
            with contextlib.closing(Cursors(connection, self.stop.check)) as cursors:
                closing = answer(found, cursors)
        except psycopg.Error:
            self.clean_up(connection)
            self.stop.check()
            raise
        except BaseException:
            self.clean_up(connection)
            raise
        return self._send_rest(connection, closing)

    def limits(
        self, statement_seconds: float | None = None, *, ours: bool = False
    ) -> list[sql.Composable]:
        """What a transaction begins with, behind its BEGIN."""
        longest = self.deadline.left + BEHIND_DEADLINE_SECONDS
        seconds = min(statement_seconds or STATEMENT_CAP_SECONDS, longest)
        return [
            search_path.PINNED if ours else self.path,
            sql.SQL("SET LOCAL lock_timeout = {}").format(LOCK_TIMEOUT_MS),
            sql.SQL("SET LOCAL statement_timeout = {}").format(int(seconds * 1000)),
            sql.SQL("SET LOCAL idle_in_transaction_session_timeout = '30s'"),
            formats.SETTINGS,
            # A forced plan has a cost that sends every statement of a batch to the compiler.
            sql.SQL("SET LOCAL jit = off"),
            *search_path.without_end(self.connection),
            *([formats.NAMES] if ours else []),
        ]

    def alone(self, statement: sql.Composable, *, seconds: float) -> None:
        """Run a statement that no transaction may hold; it is cancelled after `seconds`.

        The limit is kept by us: a SET outside of a transaction would reach other clients behind a
        pooler. Raises QueryCanceled, or the reason to stop.
        """
        self.stop.check()
        connection = self.connection
        timer = threading.Timer(
            min(seconds, self.deadline.left + BEHIND_DEADLINE_SECONDS), self.cancel
        )
        timer.daemon = True
        timer.start()
        try:
            connection.execute(sql.Composed([statement]))
        except psycopg.Error:
            self.clean_up(connection)
            self.stop.check()
            raise
        finally:
            timer.cancel()
            timer.join()  # what is cancelled is this statement, and not the next

    def for_last_words(self) -> "Session":
        """A session on the same connection that a stop or a passed deadline no longer bounds."""
        last = Session(self.opener, Never(), Deadline(LAST_WORDS_SECONDS, "last words"))
        last._connection = self._connection
        last._schemas, last.runs_code_of_users = self._schemas, self.runs_code_of_users
        return last

    def cancel(self) -> None:
        """Ask the server to cancel what runs now; called from other threads."""
        if (connection := self._connection) is not None and not connection.closed:
            with contextlib.suppress(psycopg.Error):
                connection.cancel_safe(timeout=2)

    def cut(self) -> None:
        """Break a connection whose server no longer answers; called from other threads."""
        if (connection := self._connection) is not None and not connection.closed:
            cut(connection)

    def close(self) -> None:
        """Close the connection; the server's side ends with it."""
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                self._connection.close()

    def _connect(self) -> Connection:
        seconds = min(self._patience, self.deadline.left / 2)
        end = time.monotonic() + seconds
        try:
            with said_when_slow(lambda: self._say(f"{_waiting(seconds)}.")):
                return self._open(end)
        except Unreachable as first:
            left = end - time.monotonic()
            if left > LEAST_SECONDS:
                self._say(f"{_waiting(left)}: {str(first).removeprefix(NOT_REACHED)}")
            return self._connect_again(first, end)

    def _connect_again(self, first: Unreachable, end: float) -> Connection:
        """Try for a while. If the run must end meanwhile, it ends because nothing was reached."""
        last = first

        def attempt() -> Connection:
            nonlocal last
            try:
                return self._open(end)
            except Unreachable as error:
                last = error
                raise

        try:
            return retry(
                attempt,
                seconds=end - time.monotonic(),
                wait=self.stop.wait,
                on=Unreachable,
                first=first,
            )
        except (DeadlinePassed, LeaseLost):
            raise last from None

    def _open(self, end: float) -> Connection:
        with self.stop.breaking():  # a server that never answers would hold us for 10 seconds
            connection = self.opener()
            found = first_answer(connection, max(LEAST_SECONDS, end - time.monotonic()))
        if self._schemas is None:
            self._schemas = found
        return connection

    @property
    def _commit(self) -> list[sql.Composable]:
        # Triggers that are deferred until COMMIT are code of the user's, too.
        return [*([self.path] if self.runs_code_of_users else []), sql.SQL("COMMIT")]

    def _send(self, begin: sql.Composable, statements: Sequence[sql.Composable]) -> list[Row]:
        self.stop.check()
        connection = self.connection
        enclosed = formats.enclosed(connection, statements)
        message = sql.SQL("; ").join([begin, *enclosed, *self._commit])
        try:
            return search_path.last_rows(connection.execute(message))
        except psycopg.Error:
            self.clean_up(connection)
            self.stop.check()  # a cancelled query is how a stop arrives here
            raise

    def _send_rest(self, connection: Connection, statements: Sequence[sql.Composable]) -> list[Row]:
        try:
            self.stop.check()
            enclosed = formats.enclosed(connection, statements)
            message = sql.SQL("; ").join([*enclosed, *self._commit])
            return search_path.last_rows(connection.execute(message))
        except psycopg.Error:
            self.clean_up(connection)
            self.stop.check()
            raise
        except BaseException:
            self.clean_up(connection)
            raise

    def clean_up(self, connection: Connection) -> None:
        """Leave no transaction open, and no connection that waits for an answer that is lost.

        psycopg may find a socket broken before libpq does, which then calls the connection good.
        """
        try:
            connection.rollback()
        except psycopg.Error:
            connection.close()


def _waiting(seconds: float) -> str:
    return f"Waiting for the database, up to {math.ceil(seconds)} s"
