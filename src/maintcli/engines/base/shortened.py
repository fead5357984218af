"""The first run after a retention setting changed for more rows to go is refused.

An edited number once erased 145,000 users' data elsewhere: a shorter age, or another condition,
looks like any other setting, and what it removes is gone.
"""

from collections.abc import Sequence

from psycopg import sql

from maintcli.db import sqlstate
from maintcli.engines.base import ages, count, earlier
from maintcli.engines.base.earlier import Earlier
from maintcli.engines.base.target import Target
from maintcli.runtime.context import Context

MOST_COUNTED = 10_000_000


def objection(context: Context, targets: Sequence[Target]) -> str | None:
    """The sentence where rows are stale only by a shorter age, or a condition that is another."""
    found = earlier.find(context, targets)
    for name, target in zip(ages.keys(targets), targets, strict=True):
        before = found.get(ages.column(target))
        with sqlstate.about(target.title):
            why = _objection(context, name, target, before) if before is not None else None
        if why is not None:
            return f"{ages.column(target)}: {why}."
    return None


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
        return _changed(target, when, _are(more))
    place = ages.origin(context, target)
    return (
        f"the age {target.older_than} ({place}) is shorter than the {age} of {when}, and"
        f" {_are(more)} stale only by the shorter one"
    )


def _changed(target: Target, when: str, more: str) -> str:
    place = target.map.setting(target.key, "where")
    if target.also is None:
        return f"{when} had a condition ({place}), which is gone, and {more} stale now"
    return f"the condition ({place}) is another than in {when}, and {more} stale by it"


def _are(rows: int) -> str:
    if rows == 1:
        return "1 row is"
    return f"over {rows:,} rows are" if rows >= MOST_COUNTED else f"{rows:,} rows are"
