"""Guards: refuse the absurd before the first row is touched."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from maintcli.errors import Refused
from maintcli.runtime.context import Context
from maintcli.work import count
from maintcli.work.target import Target

if TYPE_CHECKING:
    from maintcli.work.sweep.task import Task

SMALL_TABLE = 1_000  # below this a large share is an everyday thing


def check_tasks(context: Context, tasks: "Sequence[Task]") -> None:
    """The same for what a sweep deletes, and for what would go with it along foreign keys."""
    check(context, [task.target for task in tasks])
    for task in tasks:
        if task.links is not None:
            from maintcli.work.cascade import guard as below

            below.check(context, task)


def check(context: Context, targets: Sequence[Target]) -> None:
    """Raise Refused when more rows of a table are stale than anybody can have meant."""
    for target in targets:
        _check_sense(context, target)
        _check(context, target)


def _check_sense(context: Context, target: Target) -> None:
    """Refuse, at any size, what is true of every row: the wrong table, or one not filled yet."""
    if target.elsewhere is None or count.any_row(context, target, target.elsewhere.found):
        return
    really: int = context.order.value("yes_really") or 0
    found = count.stale(context, target, most=really + 1)
    if found <= really:
        return
    if really:
        raise Refused(reason=_why(target, 0, None, None, really))
    raise Refused(
        reason=f"not one row of {target.table} has its match in {target.elsewhere.table}"
        f".{target.elsewhere.column}, so all of them count as stale once they are old enough."
        f" That column is the wrong one, or its table is empty. Nothing was changed. If it is"
        " meant, --yes-really N lets up to N rows through, once."
    )


def _check(context: Context, target: Target) -> None:
    order = context.order
    most_rows, percent, really = (order.value(n) for n in ("max_rows", "max_percent", "yes_really"))
    limits = [most_rows] if most_rows is not None else []
    if percent is not None and percent < 100:
        whole = count.table_rows(context, target)
        limits += [int(whole * percent / 100)] if whole > SMALL_TABLE else []
    if not limits:
        return
    limit = max(min(limits), really or 0)
    found = count.stale(context, target, most=limit + 1)
    if found <= limit:
        return
    raise Refused(reason=_why(target, min(limits), most_rows, percent, really))


def _why(
    target: Target, limit: int, most_rows: int | None, percent: float | None, really: int | None
) -> str:
    if really is not None and really > limit:
        return f"more than the {really:,} rows of --yes-really are stale in {target.table}"
    which = "--max-rows" if most_rows == limit else f"--max-percent {percent:g}"
    return (
        f"more than {limit:,} rows of {target.table}{target.whose} are older than"
        f" {target.cutoff:%Y-%m-%d %H:%M:%S} UTC, which {which} does not allow. Nothing"
        " was changed. Look with --dry-run; if it is meant, --yes-really N lets up to N rows"
        " through, once."
    )
