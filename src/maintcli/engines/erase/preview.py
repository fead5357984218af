"""What an erasure would do, counted in READ ONLY transactions: for a dry run, a plan and guards."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

from psycopg import sql

from maintcli.db import sqlstate
from maintcli.engines.base import count, guard
from maintcli.engines.base.guard import Expected, Loss
from maintcli.engines.base.target import Root
from maintcli.engines.erase import keys
from maintcli.engines.erase.counters import Erased
from maintcli.engines.erase.holding import ROW, Holding
from maintcli.engines.erase.users import Users
from maintcli.engines.foreign_keys import guard as below
from maintcli.runtime.context import Context
from maintcli.words import many, moment

_ROWS = sql.SQL("SELECT count(*) FROM {table} AS {row} WHERE {belongs}")

_BLOCKED = sql.SQL("""SELECT count(*) FROM {users} AS maint_user WHERE {due} AND ({blocked})""")

_REFERS = sql.SQL("EXISTS (SELECT FROM {among} AND {referred})")


def preview(context: Context, users: Users, holdings: Sequence[Holding]) -> Erased:
    """Count the users, and the rows of each table, listed or going with one that is."""
    due = count.stale(context, users.target)
    context.log.info(
        f"would erase what is held of {many(due, 'user')} who opted out before"
        f" {moment(users.target.cutoff)}"
    )
    tables: Counter[str] = Counter()
    for table, some in _by_table(holdings).items():
        with sqlstate.about(table):
            rows = _rows(context, users, some)
        if not rows:
            continue
        tables[table] = rows
        above = [str(holding.above.table) for holding in some if holding.above]
        with_what = f", which go with their rows of {above[0]}" if len(above) == len(some) else ""
        context.log.info(f"would delete {many(rows)} of {table}{with_what}")
    blocked = _blocked(context, users, holdings)
    if blocked:
        names = ", ".join(holders(holdings))
        context.log.info(
            f"rows of {names} hold on to rows of {many(blocked, 'user')}, who would be left"
        )
    shown = Erased(
        erased_count=due - blocked,
        deleted_count=sum(tables.values()),
        kept_count=0,
        locked_count=0,
        blocked_count=blocked,
        batches=0,
        cutoff=moment(users.target.cutoff),
        tables=dict(tables),
    )
    context.backlog = due
    context.counts |= asdict(shown)  # known already, should a guard refuse what comes out
    return shown


def holders(holdings: Sequence[Holding]) -> list[str]:
    """The tables whose rows forbid to delete a row of some holding."""
    return list(dict.fromkeys(key.child for holding in holdings for key in holding.holders))


def blocked_by(context: Context, holdings: Sequence[Holding], whose: sql.Composable) -> list[str]:
    """The tables whose rows hold on to rows of one user."""
    found: list[str] = []
    for holding in holdings:
        for key in holding.holders:
            refers = _refers(holding, whose, keys.referred_to(key, ROW))
            ((refers_,),) = context.session.read_composed(sql.SQL("SELECT {}").format(refers))
            found += [key.child] if refers_ else []
    return list(dict.fromkeys(found))


def _by_table(holdings: Sequence[Holding]) -> dict[str, list[Holding]]:
    """A row may belong to a user by several columns, and go along several foreign keys."""
    found: dict[str, list[Holding]] = {}
    for holding in holdings:
        found.setdefault(str(holding.table), []).append(holding)
    return found


def _rows(context: Context, users: Users, holdings: Sequence[Holding]) -> int:
    belongs = sql.SQL(" OR ").join([one.belongs(ROW, users.due) for one in holdings])
    query = _ROWS.format(table=holdings[0].table.quoted, row=ROW, belongs=belongs)
    ((rows,),) = context.session.read_composed(query)
    return int(rows)


def _blocked(context: Context, users: Users, holdings: Sequence[Holding]) -> int:
    whose = users.same(users.key.value(sql.Identifier("maint_user")))
    tests = [
        _refers(holding, whose, keys.referred_to(key, ROW))
        for holding in holdings
        for key in holding.holders
    ]
    if not tests:
        return 0
    query = _BLOCKED.format(
        users=users.target.table.quoted,
        due=users.target.predicate,
        blocked=sql.SQL(" OR ").join(tests),
    )
    ((blocked,),) = context.session.read_composed(query)
    return int(blocked)


def _refers(holding: Holding, whose: sql.Composable, referred: sql.Composable) -> sql.Composable:
    return _REFERS.format(among=holding.among(ROW, whose), referred=referred)


def roots(context: Context, users: Users, holdings: Sequence[Holding]) -> list[Root]:
    """The rows of the listed tables, with what goes along foreign keys."""
    return [_root(context, users, one) for one in holdings if one.above is None]


def losses(context: Context, users: Users, rows: Sequence[Root]) -> list[Loss]:
    """The users who are stamped, and what goes of the listed tables and with their rows.

    How many of the users is the question; of another table one user may hold all rows.
    """
    own = guard.losses(context, [root.target for root in rows])
    held = guard.together(own, below.losses(context, rows))
    held = [loss._replace(what="rows that would go", rows=None) for loss in held]
    return [*guard.changes(context, [users.target]), *held]


def now(context: Context, users: Users, rows: Sequence[Root]) -> Expected:
    """How many users are stamped, and how many rows go, at this moment."""
    with sqlstate.about(users.target.title):
        due = count.own(context, users.target)
    found = below.expected(context, rows, [partial(count.own, context, one.target) for one in rows])
    stamped = str(users.target.table)
    return found._replace(tables={**found.tables, stamped: due + found.tables.get(stamped, 0)})


def _root(context: Context, users: Users, holding: Holding) -> Root:
    assert holding.column is not None  # noqa: S101  it is listed
    held = sql.SQL("{} {}").format(holding.column.value(), users.due)
    target = users.target._replace(table=holding.table, predicate=held, age_alone=False)
    return Root(target, keys.find(context, holding.table))
