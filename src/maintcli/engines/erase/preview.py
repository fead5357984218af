"""What an erasure would do: the same questions, in READ ONLY transactions."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from psycopg import sql

from maintcli.db import sqlstate
from maintcli.engines.base import count
from maintcli.engines.erase import keys
from maintcli.engines.erase.counters import Erased
from maintcli.engines.erase.holding import ROW, Holding
from maintcli.engines.erase.users import Users
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
