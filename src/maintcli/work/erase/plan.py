"""What a plan of an erasure counts beside the users: the rows that are held of them."""

from collections.abc import Sequence

from psycopg import sql

from maintcli.runtime.context import Context
from maintcli.work import keys
from maintcli.work.erase.holding import Holding
from maintcli.work.erase.users import Users
from maintcli.work.sweep.task import Task


def tasks(context: Context, users: Users, holdings: Sequence[Holding]) -> list[Task]:
    """The listed tables, with what goes along foreign keys."""
    return [_task(context, users, one) for one in holdings if one.above is None]


def _task(context: Context, users: Users, holding: Holding) -> Task:
    column = sql.Identifier(holding.column or "")
    held = sql.SQL("{} {}").format(column, users.due)
    target = users.target._replace(table=holding.table, predicate=held, age_alone=False)
    return Task(target, (), keys.find(context, holding.table))
