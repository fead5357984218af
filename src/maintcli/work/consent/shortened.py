"""The first run after a retention setting changed for more rows to go is refused.

An edited number once erased 145,000 users' data elsewhere: a shorter age, or another condition,
looks like any other setting, and what it removes is gone.
"""

from collections.abc import Sequence

from psycopg import sql

from maintcli.db import sqlstate
from maintcli.errors import Refused
from maintcli.runtime.context import Context
from maintcli.work import count
from maintcli.work.consent import ages, earlier, guard
from maintcli.work.consent.earlier import Earlier
from maintcli.work.target import Target

MOST_COUNTED = 10_000_000


def check(context: Context, targets: Sequence[Target]) -> None:
    """Raise Refused where rows are stale only by a shorter age, or a condition that is another.

    `--yes-really N` acknowledges it, as long as at most N rows are stale in all tables of the run.
    """
    found = earlier.find(context, targets)
    for name, target in zip(ages.keys(targets), targets, strict=True):
        before = found.get(ages.column(target))
        with sqlstate.about(target.title):
            why = _objection(context, name, target, before) if before is not None else None
        if why is None:
            continue
        if not _is_acknowledged(context, targets):
            raise Refused(reason=_refusal(context, targets, f"{ages.column(target)}: {why}"))
        return


def _objection(context: Context, name: str, target: Target, before: Earlier) -> str | None:
    """Why more rows of the table are stale than in the run before."""
    # What went without any condition was more than goes with one.
    age = before.ages.get(name) or before.ages.get(ages.column(target))
    changed = name not in before.ages and any(map(ages.has_condition, (name, *before.ages)))
    if age is None and not changed:
        return None
    newly = target.predicate
    if age is not None:
        if target.older_than.approx_seconds >= age.approx_seconds:
            return None
        by, bound = sql.Identifier(target.by.name), target.bound_for(context, age)
        newly = sql.SQL("({}) AND {} >= {}").format(target.predicate, by, bound)
    more = count.stale(context, target._replace(predicate=newly), most=MOST_COUNTED)
    if not more:
        return None
    when = f"the run of {before.when:%Y-%m-%d %H:%M} UTC"
    if changed:
        return _changed(target, when, _number(more))
    place = ages.origin(context, target)
    return (
        f"the age {target.older_than} ({place}) is shorter than the {age} of {when}, and"
        f" {_number(more)} rows are stale only by the shorter one"
    )


def _is_acknowledged(context: Context, targets: Sequence[Target]) -> bool:
    really: int | None = context.order.value("yes_really")
    return really is not None and _stale(context, targets, most=really + 1) <= really


def _stale(context: Context, targets: Sequence[Target], most: int) -> int:
    """The stale rows of the whole run."""
    losses = guard.losses_of(context, targets)
    return guard.sum_of((counter for loss in losses for counter in loss.going), most)


def _changed(target: Target, when: str, more: str) -> str:
    place = target.map.setting(target.key, "where")
    if target.also is None:
        return f"{when} had a condition ({place}), which is gone, and {more} rows are stale now"
    return f"the condition ({place}) is another than in {when}, and {more} rows are stale by it"


def _refusal(context: Context, targets: Sequence[Target], why: str) -> str:
    stale = _stale(context, targets, MOST_COUNTED)
    plan = "--plan FILE" if context.dry_run else "--dry-run --plan FILE"
    way = f"To agree to it, run with {plan}, look, and run with --apply FILE"
    if stale < MOST_COUNTED:
        really = guard.command(context, "--yes-really", str(stale))
        way += f"; or acknowledge what is stale now, by its number: {really}"
    return f"{why}. Nothing was changed. {way}"


def _number(rows: int) -> str:
    return f"over {rows:,}" if rows >= MOST_COUNTED else f"{rows:,}"
