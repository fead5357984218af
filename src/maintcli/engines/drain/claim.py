"""Claims and settles: one statement each, in a transaction of its own.

A claim locks one due row, marks it, and enters an attempt; a settle is fenced by what the claim
left in the row. Between the two no transaction is open. An attempt without an outcome is what a
run that was killed in between leaves: the item may have been acted upon.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

import psycopg
from psycopg import sql

from maintcli.db import sqlstate
from maintcli.db.sqlstate import Transient
from maintcli.engines.base.retry import Patience, retryable
from maintcli.engines.drain.queue import Item, Move, Result, Values, Verdict
from maintcli.engines.drain.table import NOW, Inserts, QueueTable, as_read, made
from maintcli.errors import Fail
from maintcli.runtime.context import Context

LEASE_SECONDS = 30.0  # beyond the item's own time
_MOST_FAILURES = 8
_COUNT_SECONDS = 2.0
_EXPIRED_AT_ONCE = 100
_LONGEST_MESSAGE = 2_000
_CUT = "no outcome is known: the run was killed, or its connection was cut"

_CLAIM = sql.SQL("""WITH maint_next AS MATERIALIZED (
    SELECT {keys} FROM {table} WHERE ({due}){open} ORDER BY {order} LIMIT 1 FOR UPDATE SKIP LOCKED
), maint_taken AS (
    UPDATE {table} AS maint_t SET {values} FROM maint_next WHERE {same}
    RETURNING {item} AS maint_item, {count}::bigint AS maint_count, {lane} AS maint_lane,
        ARRAY[{key_texts}]::text[] AS maint_key, ARRAY[{fence}]::text[] AS maint_fence, {columns}
){attempts}
SELECT (SELECT count(*) FROM maint_next), {attempt}, maint_taken.* FROM (SELECT) AS maint_one
LEFT JOIN maint_taken ON true""")

_ATTEMPTS = sql.SQL(""", maint_before AS (
    SELECT outcome FROM {attempts}
    WHERE job = {job} AND item_key = (SELECT maint_item FROM maint_taken) ORDER BY id DESC LIMIT 1
), maint_cut AS (
    UPDATE {attempts} SET outcome = 'unknown', finished_at = clock_timestamp(), message = {cut}
    WHERE job = {job} AND item_key = (SELECT maint_item FROM maint_taken) AND outcome IS NULL
), maint_attempt AS (
    INSERT INTO {attempts} (run_id, job, item_key, n, lease_expires_at)
    SELECT {run}, {job}, maint_item, maint_count, clock_timestamp() + {lease} FROM maint_taken
    RETURNING id
)""")
_ATTEMPT = sql.SQL("""(SELECT id FROM maint_attempt),
    (SELECT coalesce(outcome, 'unknown') = 'unknown' FROM maint_before)""")
_NO_ATTEMPT = sql.SQL("NULL::bigint, false")

_SETTLE = sql.SQL("""WITH maint_settled AS ({change} WHERE {key} AND {fence} RETURNING {returned}
){moved}{attempt}{inserts}
SELECT count(*) FROM maint_settled""")
_OUTCOME = sql.SQL(""", maint_attempt AS (
    UPDATE {attempts} SET outcome = {outcome}, finished_at = clock_timestamp(), message = {message}
    WHERE id = {id} AND outcome IS NULL AND EXISTS (SELECT FROM maint_settled)
)""")
_INSERT = sql.SQL(
    ", {name} AS (INSERT INTO {table} ({columns}) SELECT {values} FROM maint_settled)"
)

_EXPIRE = sql.SQL("""WITH maint_next AS MATERIALIZED (
    SELECT {keys} FROM {table} WHERE {expired} LIMIT {most} FOR UPDATE SKIP LOCKED
), maint_settled AS (
    {change} WHERE {same} RETURNING {item} AS maint_item, {returned}
){moved}{cut}
SELECT (SELECT count(*) FROM maint_next), (SELECT count(*) FROM maint_settled)""")
_CUT_EXPIRED = sql.SQL(""", maint_cut AS (
    UPDATE {attempts} SET outcome = 'unknown', finished_at = clock_timestamp(), message = {cut}
    WHERE job = {job} AND outcome IS NULL AND item_key IN (SELECT maint_item FROM maint_settled)
)""")
_LAST_ERROR = sql.SQL("""(SELECT a.message FROM {attempts} a WHERE a.job = {job}
    AND a.item_key = {item} AND a.message IS NOT NULL ORDER BY a.id DESC LIMIT 1)""")

_LEFT = sql.SQL("""SELECT count(*),
    extract(epoch FROM {now} - min({since}))::bigint FROM {table} WHERE {due}""")
_FIRST = sql.SQL("SELECT {item} FROM {table} WHERE {due} ORDER BY {order} LIMIT 5")
_HELD = sql.SQL("SELECT count(*) FROM {table} WHERE {key} AND {fence}")
_KNOWN = sql.SQL("SELECT outcome FROM {attempts} WHERE id = {id}")


class Claim(NamedTuple):
    """An item that is this run's until its lease ends."""

    item: Item
    lane: str
    attempt_id: int | None
    key: Sequence[str]
    fence: Sequence[str | None]


class Settled(NamedTuple):
    """What a settle says of an item: the step's values, or a Move, or (None) that it is deleted."""

    verdict: Verdict
    message: str
    step: "Values | Move | None"
    delay: float = 0.0
    reason: str = ""
    result: Result | None = None


class Claims:
    """The statements of one drain."""

    def __init__(self, context: Context, table: QueueTable) -> None:
        self._context, self._table = context, table
        self._inserts = Inserts(context)
        queue, user = table.queue, table.user
        texts = [sql.SQL("{}::text").format(sql.Identifier(one.name)) for one in table.keys]
        self._parts: dict[str, sql.Composable] = {
            "table": table.table.quoted,
            "due": table.due,
            "item": table.item_key,
            "since": table.since,
            "now": NOW,
            "keys": _comma(
                sql.SQL("{} AS {}").format(sql.Identifier(one.name), _next(number))
                for number, one in enumerate(table.keys)
            ),
            "same": sql.SQL(" AND ").join(
                sql.SQL("maint_t.{} {} maint_next.{}").format(
                    sql.Identifier(one.name), one.operator("="), _next(number)
                )
                for number, one in enumerate(table.keys)
            ),
            "key_texts": _comma(texts),
            "fence": _comma(sql.SQL("{}::text").format(user.quoted(name)) for name in queue.fence),
            "count": user.quoted(queue.count),
            "lane": self._lane(),
            "columns": _comma(as_read(user, name) for name in queue.columns),
        }
        if isinstance(queue.give_up, Move):
            self._inserts.user(queue.give_up.table)  # a missing one is said before the first item

    def claim(
        self, *, seconds: float, closed: Sequence[str] = (), oldest: bool = False
    ) -> Claim | None:
        """Claim the first item, or the oldest, that is due and in no `closed` lane, for `seconds`
        and a while; None where there is none.
        """
        queue, lease = self._table.queue, self._context.lease
        length = _interval(seconds + LEASE_SECONDS)
        values = self._table.user.assigned(
            queue.claim, now=NOW, lease=length, token=sql.SQL("{}::uuid").format(str(uuid4()))
        )
        parts = self._parts | {
            "values": sql.SQL(", ").join(values),
            "open": self._open(closed),
            "order": self._table.since if oldest else self._table.order,
            "attempts": sql.SQL(""),
            "attempt": _NO_ATTEMPT,
        }
        if lease is not None:
            parts["attempt"] = _ATTEMPT
            parts["attempts"] = _ATTEMPTS.format(
                attempts=lease.table("job_attempts"),
                job=lease.job,
                run=lease.run_id,
                lease=length,
                cut=_CUT,
            )
        rows = self._safely(lambda: self._write(_CLAIM.format(**parts)))
        found, attempt_id, unknown, item, count, lane, key, fence, *columns = rows[0]
        if item is None:
            if found:
                raise self._kept("claimed")
            return None
        read = dict(zip(queue.columns, columns, strict=True))
        return Claim(
            Item(item, read, int(count), bool(unknown), seconds), lane, attempt_id, key, fence
        )

    def settle(self, claim: Claim, settled: Settled) -> bool:
        """Write what became of the item; False where the claim was no longer this run's."""
        statement = self._settle(claim, settled)
        ((count,),) = self._safely(lambda: self._write(statement))
        if count or self._is_settled(claim):
            return True
        ((held,),) = self._context.session.read_composed(
            _HELD.format(**self._parts | self._where(claim))
        )
        if held:
            raise self._kept("settled")
        return False

    def expire(self) -> int:
        """Give up, without a further attempt, the items that are past their time."""
        given_up: int = 0
        if self._table.expired is None:
            return 0
        statement = self._expire(self._table.expired)
        while True:
            self._context.stop.check()
            ((found, done),) = self._safely(lambda: self._write(statement))
            given_up += done
            if found and not done:
                raise self._kept("given up")
            if found < _EXPIRED_AT_ONCE:
                return given_up

    def left(self) -> tuple[int | None, int | None]:
        """How many items are due now, and for how many seconds the oldest; None: too many."""
        try:
            ((count, oldest),) = self._context.session.read_composed(
                _LEFT.format(**self._parts), statement_seconds=_COUNT_SECONDS
            )
        except psycopg.errors.QueryCanceled:
            self._context.stop.check()
            return None, None
        return count, oldest

    def first(self) -> list[str]:
        """The keys of the first items, as a claim would take them."""
        query = _FIRST.format(**self._parts, order=self._table.order)
        return [key for (key,) in self._context.session.read_composed(query)]

    def _lane(self) -> sql.Composable:
        lane, user = self._table.queue.lane, self._table.user
        if lane is None:
            return sql.SQL("''::text")
        return sql.SQL("coalesce({}::text, '')").format(user.quoted(lane))

    def _open(self, closed: Sequence[str]) -> sql.Composable:
        if not closed:
            return sql.SQL("")
        return sql.SQL(" AND {} <> ALL ({}::text[])").format(self._lane(), list(closed))

    def _settle(self, claim: Claim, settled: Settled) -> sql.Composable:
        lease, result = self._context.lease, settled.result
        own = {
            "now": NOW,
            "delay": _interval(settled.delay),
            "attempts": sql.Literal(claim.item.attempt),
            "error": sql.Literal(settled.message or None),
            "reason": sql.Literal(settled.reason),
        }
        change, returned, moved = self._change(settled.step, own, result.values if result else {})
        inserts = [self._inserts.of(insert) for insert in (result.inserts if result else ())]
        return _SETTLE.format(
            change=change,
            returned=returned,
            moved=moved,
            **self._where(claim),
            attempt=_OUTCOME.format(
                attempts=lease.table("job_attempts"),
                outcome=settled.verdict.value,
                message=sql.Literal(settled.message or None),
                id=claim.attempt_id,
            )
            if lease
            else sql.SQL(""),
            inserts=sql.SQL("").join(
                [
                    _INSERT.format(name=sql.Identifier(f"maint_insert{n}"), **insert._asdict())
                    for n, insert in enumerate(inserts)
                ]
            ),
        )

    def _change(
        self,
        step: "Values | Move | None",
        own: Mapping[str, sql.Composable],
        values: Mapping[str, object],
    ) -> tuple[sql.Composable, sql.Composable, sql.Composable]:
        """The statement up to its WHERE, what it returns, and what follows it."""
        user, nothing = self._table.user, sql.SQL("")
        one = sql.SQL("1 AS maint_done")
        if step is None or isinstance(step, Move):
            change = sql.SQL("DELETE FROM {} AS maint_t").format(user.table.quoted)
            if step is None:
                return change, one, nothing
            target = self._inserts.user(step.table)
            texts = {name: user.fill(text, **own) for name, text in step.values.items()}
            returned = _comma(
                sql.SQL("({})::{} AS {}").format(
                    value,
                    sql.SQL(target.column(name).declared),  # pyright: ignore[reportArgumentType]  from the catalog
                    sql.Identifier(f"maint_m{number}"),
                )
                for number, (name, value) in enumerate(texts.items())
            )
            columns = {
                name: sql.Identifier(f"maint_m{number}") for number, name in enumerate(texts)
            }
            insert = made(target, columns)
            moved = _INSERT.format(name=sql.Identifier("maint_moved"), **insert._asdict())
            return change, returned, moved
        literals = user.literals(values)
        assigned = user.assigned({k: v for k, v in step.items() if k not in values}, **own)
        assigned += [
            sql.SQL("{} = {}").format(user.quoted(name), value) for name, value in literals.items()
        ]
        change = sql.SQL("UPDATE {} AS maint_t SET {}").format(
            user.table.quoted, sql.SQL(", ").join(assigned)
        )
        return change, one, nothing

    def _where(self, claim: Claim) -> dict[str, sql.Composable]:
        """The row of a claim, and that it is still as the claim left it."""
        table, both = self._table, sql.SQL(" AND ")
        return {
            "key": both.join(
                sql.SQL("{} {} {}::{}").format(
                    sql.Identifier(one.name),
                    one.operator("="),
                    sql.Literal(text),
                    sql.SQL(one.declared),  # pyright: ignore[reportArgumentType]  from the catalog
                )
                for one, text in zip(table.keys, claim.key, strict=True)
            ),
            "fence": both.join(
                sql.SQL("{}::text IS NOT DISTINCT FROM {}").format(
                    table.user.quoted(name), sql.Literal(text)
                )
                for name, text in zip(table.queue.fence, claim.fence, strict=True)
            ),
        }

    def _expire(self, expired: sql.Composable) -> sql.Composable:
        queue, lease, item = self._table.queue, self._context.lease, self._table.item_key
        own: dict[str, sql.Composable] = {
            "now": NOW,
            "attempts": self._table.user.quoted(queue.count),
            "error": sql.SQL("NULL::text"),
            "reason": sql.SQL("CASE WHEN {} >= {} THEN 'attempts' ELSE 'expired' END").format(
                self._table.user.quoted(queue.count), sql.Literal(queue.backoff.attempts)
            ),
        }
        cut: sql.Composable = sql.SQL("")
        if lease is not None:
            ours = {"attempts": lease.table("job_attempts"), "job": sql.Literal(lease.job)}
            own["error"] = _LAST_ERROR.format(**ours, item=item)
            cut = _CUT_EXPIRED.format(**ours, cut=_CUT)
        change, returned, moved = self._change(queue.give_up, own, {})
        word = sql.SQL("USING" if isinstance(queue.give_up, Move) else "FROM")
        return _EXPIRE.format(
            **self._parts
            | {
                "expired": expired,
                "most": sql.Literal(_EXPIRED_AT_ONCE),
                "change": sql.SQL("{} {} maint_next").format(change, word),
                "returned": returned,
                "moved": moved,
                "cut": cut,
            }
        )

    def _is_settled(self, claim: Claim) -> bool:
        """Whether an earlier message did it whose COMMIT was not confirmed."""
        lease = self._context.lease
        if lease is None or claim.attempt_id is None:
            return False
        rows = self._context.session.read_composed(
            _KNOWN.format(attempts=lease.table("job_attempts"), id=claim.attempt_id), ours=True
        )
        return bool(rows) and rows[0][0] not in {None, Verdict.UNKNOWN.value}

    def _write(self, statement: sql.Composable) -> list[tuple[Any, ...]]:
        return self._context.session.write(statement, durable=True)

    def _safely(self, send: Callable[[], list[tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
        """Send until it takes effect; a claim may so be made twice, and the first one lapses."""
        patience, failures = Patience(self._context, done="updated"), 0
        while True:
            try:
                return send()
            except psycopg.Error as error:
                if retryable(self._context, error) is Transient.LOCKED:
                    patience.wait()
                    continue
                failures += 1
                if failures >= _MOST_FAILURES:
                    raise sqlstate.meaning(error) from None
                self._context.stop.wait(0.05 * failures)

    def _kept(self, done: str) -> Fail:
        return Fail(
            f"A trigger of {self._table.table} keeps its rows from being {done}: the statement had"
            " no effect and no error. Make that trigger let the columns of"
            f" {self._context.job} change."
        )


def shortened(message: str) -> str:
    """An error as it is stored: one line, bounded."""
    return sqlstate.one_line(message.replace("\0", ""))[:_LONGEST_MESSAGE]


def _comma(parts: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(list(parts))


def _next(number: int) -> sql.Identifier:
    return sql.Identifier(f"maint_k{number}")


def _interval(seconds: float) -> sql.Composed:
    length = sql.Literal(round(float(seconds), 3))
    return sql.SQL("pg_catalog.make_interval(secs => {})").format(length)
