"""What a plan and guards of an erasure count beside the users: the rows that are held of them."""

from collections.abc import Sequence

from psycopg import sql

from maintcli.engines.base import guard, keys
from maintcli.engines.base.guard import Loss
from maintcli.engines.erase.holding import Holding
from maintcli.engines.erase.users import Users
from maintcli.engines.sweep.task import Task
from maintcli.runtime.context import Context


def tasks(context: Context, users: Users, holdings: Sequence[Holding]) -> list[Task]:
    """The listed tables, with what goes along foreign keys."""
    return [_task(context, users, one) for one in holdings if one.above is None]


def losses(context: Context, users: Users, rows: Sequence[Task]) -> list[Loss]:
    """The users who are stamped, and what goes of the listed tables and with their rows.

    How many of the users is the question; of another table one user may hold all rows.
    """
    held = guard.losses(context, rows)
    held = [loss._replace(what="rows that would go", rows=None) for loss in held]
    return [*guard.changes(context, [users.target]), *held]


def _task(context: Context, users: Users, holding: Holding) -> Task:
    column = sql.Identifier(holding.column or "")
    held = sql.SQL("{} {}").format(column, users.due)
    target = users.target._replace(table=holding.table, predicate=held, age_alone=False)
    return Task(target, (), keys.find(context, holding.table))
