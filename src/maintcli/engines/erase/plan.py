"""What a plan and guards of an erasure count beside the users: the rows that are held of them."""

from collections.abc import Sequence
from functools import partial

from psycopg import sql

from maintcli.db import sqlstate
from maintcli.engines.base import count, guard
from maintcli.engines.base.guard import Expected, Loss
from maintcli.engines.base.target import Root
from maintcli.engines.erase import keys
from maintcli.engines.erase.holding import Holding
from maintcli.engines.erase.users import Users
from maintcli.engines.foreign_keys import guard as below
from maintcli.runtime.context import Context


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
