"""The first run after a retention setting changed for more rows to go is refused.

An edited number once erased 145,000 users' data elsewhere: a shorter age, or another condition,
looks like any other setting, and what it removes is gone.
"""

from collections.abc import Sequence

from psycopg import sql

from maintcli.errors import Refused
from maintcli.runtime.context import Context
from maintcli.work import count
from maintcli.work.consent import ages, earlier
from maintcli.work.consent.earlier import Earlier
from maintcli.work.target import Target

MOST_COUNTED = 10_000_000


def check(context: Context, targets: Sequence[Target]) -> None:
    """Raise Refused where rows are stale only by a shorter age, or a condition that is another.

    `--yes-really N` acknowledges it, as long as at most N rows of the table are stale.
    """
    found = earlier.find(context, targets)
    for name, target in zip(ages.keys(targets), targets, strict=True):
        if (before := found.get(ages.column(target))) is not None:
            _check(context, name, target, before)


def _check(context: Context, name: str, target: Target, before: Earlier) -> None:
    # What went without any condition was more than goes with one.
    age = before.ages.get(name) or before.ages.get(ages.column(target))
    changed = name not in before.ages and any(map(ages.has_condition, (name, *before.ages)))
    if age is None and not changed:
        return
    newly = target.predicate
    if age is not None:
        if target.older_than.approx_seconds >= age.approx_seconds:
            return
        by, bound = sql.Identifier(target.by.name), target.bound_for(context, age)
        newly = sql.SQL("({}) AND {} >= {}").format(target.predicate, by, bound)
    more = count.stale(context, target._replace(predicate=newly), most=MOST_COUNTED)
    if not more or _is_acknowledged(context, target):
        return
    when = f"the run of {before.when:%Y-%m-%d %H:%M} UTC"
    if changed:
        why = _changed(target, when, _number(more))
    else:
        place = ages.origin(context, target)
        why = (
            f"the age {target.older_than} ({place}) is shorter than the {age} of {when}, and"
            f" {_number(more)} rows are stale only by the shorter one"
        )
    raise Refused(reason=_refusal(context, target, why))


def _is_acknowledged(context: Context, target: Target) -> bool:
    really: int | None = context.order.value("yes_really")
    return really is not None and count.stale(context, target, most=really + 1) <= really


def _changed(target: Target, when: str, more: str) -> str:
    place = target.map.setting(target.key, "where")
    if target.also is None:
        return f"{when} had a condition ({place}), which is gone, and {more} rows are stale now"
    return f"the condition ({place}) is another than in {when}, and {more} rows are stale by it"


def _refusal(context: Context, target: Target, why: str) -> str:
    stale = _number(count.stale(context, target, most=MOST_COUNTED))
    return (
        f"{ages.column(target)}: {why}. Nothing was changed. If it is meant, look with --dry-run"
        " --plan FILE and run with --apply FILE, or acknowledge it with --yes-really N, at least"
        f" the {stale} rows that are stale now; else set it back."
    )


def _number(rows: int) -> str:
    return f"over {rows:,}" if rows >= MOST_COUNTED else f"{rows:,}"
