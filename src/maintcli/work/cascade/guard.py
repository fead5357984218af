"""Guards for rows that go along foreign keys: refused like too many stale rows themselves."""

from maintcli.errors import Refused
from maintcli.runtime.context import Context
from maintcli.work import count
from maintcli.work.cascade.counting import exactly, reaches
from maintcli.work.cascade.reach import Reach
from maintcli.work.consent.guard import SMALL_TABLE
from maintcli.work.sweep.task import Task

_EXACT_BELOW = 100_000


def check(context: Context, task: Task) -> None:
    """Raise Refused when more rows would go with the stale ones than anybody can have meant."""
    order = context.order
    most, percent, really = (order.value(n) for n in ("max_rows", "max_percent", "yes_really"))
    found = reaches(context, task, whole=True)  # a part of --shard is a share of one deed
    if most is not None:
        _check_rows(context, task, found, max(most, really or 0))
    if percent is not None and percent < 100:
        for table in _tables(found):
            _check_share(context, table, found, percent, really or 0)


def _check_rows(context: Context, task: Task, found: list[Reach], limit: int) -> None:
    counted = count.stale(context, task.target, most=limit + 1)
    for reach in found:
        for oid in reach.cascade.members:
            if oid not in reach.own and counted <= limit:
                counted += exactly(context, reach.going(oid, limit + 1 - counted))
    if counted > limit:
        raise Refused(
            reason=f"with what refers to them, more than {limit:,} rows would go with the stale"
            f" ones of {task.target.table}, which --max-rows does not allow. Nothing was deleted."
            " Look with --dry-run; if it is meant, --yes-really N lets up to N rows through, once."
        )


def _check_share(
    context: Context, table: str, found: list[Reach], percent: float, really: int
) -> None:
    whole = _size(context, table, found)
    if whole <= SMALL_TABLE:
        return
    limit = max(int(whole * percent / 100), really)
    counted = 0
    for reach in found:
        for oid in reach.cascade.members:
            if reach.cascade.relations[oid].top == table and counted <= limit:
                counted += exactly(context, reach.going(oid, limit + 1 - counted))
    if counted > limit:
        raise Refused(
            reason=f"more than {limit:,} rows of {table} refer to stale rows and would go with"
            f" them, which --max-percent {percent:g} does not allow. Nothing was deleted. Look with"
            " --dry-run; if it is meant, --yes-really N lets up to N rows through, once."
        )


def _tables(found: list[Reach]) -> list[str]:
    """The tables that lose rows, without the swept one."""
    return sorted(
        {
            reach.cascade.relations[oid].top
            for reach in found
            for oid in reach.cascade.members
            if oid not in reach.own
        }
    )


def _size(context: Context, table: str, found: list[Reach]) -> int:
    """The rows of a table: exact for small ones, the planner's figure for others."""
    relations = {
        oid: relation
        for reach in found
        for oid, relation in reach.cascade.relations.items()
        if relation.top == table
    }
    return sum(
        int(one.rows) if one.rows > _EXACT_BELOW else count.rows_of(context, one.quoted)
        for one in relations.values()
    )
