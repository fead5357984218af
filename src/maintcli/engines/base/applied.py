"""Whether a plan still holds: same job, part, database, settings, soon enough, like figures."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from math import ceil
from pathlib import Path
from typing import NamedTuple

import psycopg
from psycopg import sql

from maintcli.engines.base import ages, plan_file
from maintcli.engines.base.guard import Expected
from maintcli.engines.base.plan_file import Plan, Rule
from maintcli.engines.base.target import Target
from maintcli.engines.base.words import moment
from maintcli.errors import Refused
from maintcli.runtime.context import Context

OLDEST = timedelta(days=7)
CLOCKS_APART = timedelta(hours=1)
SLACK_ROWS = 10  # of a handful of rows, a tenth is less than one

_NOTHING = "Nothing was changed. Look again with --dry-run --plan FILE."


class Place(NamedTuple):
    """A database: its name and host, and its cluster's identifier where the role may ask for it."""

    name: str
    host: str
    system: str | None


def place(context: Context) -> Place:
    """Which database this is; a replica has its primary's identifier."""
    session = context.session
    ((name,),) = session.read("SELECT current_database()::text")
    try:
        ((system,),) = session.read("SELECT system_identifier::text FROM pg_control_system()")
    except psycopg.errors.InsufficientPrivilege:
        system = None
    return Place(name, session.connection.info.host, system)


def rule(target: Target) -> Rule:
    """What `target` is counted by, as a plan has it."""
    return Rule(
        table=str(target.table),
        column=target.by.name,
        older_than=str(target.older_than),
        condition=ages.condition(target),
        cutoff=moment(target.cutoff),
    )


def check(
    context: Context, targets: Sequence[Target], path: Path, count: Callable[[], Expected]
) -> bool:
    """Raise Refused unless the plan in `path` still holds; Usage for a bad file.

    Returns whether it is the approval that guards ask for: not where a figure is missing.
    """
    plan = plan_file.read(path)
    _check_place(context, plan)
    _check_age(context, plan)
    _check_settings(context, plan, targets)
    now, planned = count(), {**plan.cascaded, **plan.rows}
    for table in sorted({*planned, *now.tables}):
        _check_rows(context, table, planned.get(table, 0), now.tables.get(table, 0))
    context.log.info(f"applying the plan of {moment(plan.made_at)} ({plan.config_hash})")
    return plan.complete and now.complete


def _check_place(context: Context, plan: Plan) -> None:
    if plan.job != context.job:
        raise _refused(f"it was made for {plan.job}, and this is {context.job}")
    shard = str(context.shard) if context.shard is not None else None
    if plan.shard != shard:
        raise _refused(f"the plan was made for {_part(plan.shard)}, and this is {_part(shard)}")
    here, there = place(context), Place(plan.database, plan.host, plan.system)
    if here.system is None or there.system is None:  # what cannot be asked is not compared
        here, there = here._replace(system=None), there._replace(system=None)
    else:  # one database is reached by many names of its host
        here = here._replace(host=there.host)
    if here != there:
        raise _refused(f"it was made for {_called(there)}, and this is {_called(here)}")


def _part(shard: str | None) -> str:
    return f"part {shard}" if shard else "the whole"


def _called(found: Place) -> str:
    cluster = f", cluster {found.system}" if found.system else ""
    return f"the database {found.name} on {found.host or 'this host'}{cluster}"


def _check_age(context: Context, plan: Plan) -> None:
    ((now,),) = context.session.read_composed(sql.SQL("SELECT now()"))
    if plan.made_at - now > CLOCKS_APART:  # it would be young for as long as the clock was ahead
        when = moment(plan.made_at)
        raise _refused(f"it was made at {when}, which lies ahead by the database's clock")
    if now - plan.made_at > OLDEST:
        days = (now - plan.made_at).days
        raise _refused(f"it is {days} days old, and at most {OLDEST.days} are allowed")


def _check_settings(context: Context, plan: Plan, targets: Sequence[Target]) -> None:
    planned = [one.setting for one in plan.rules]
    known = {one.table for one in plan.rules}
    if more := sorted(known - {str(target.table) for target in targets}):
        raise _refused(f"it also holds rows of {more[0]} that this run does not sweep")
    for target in sorted(targets, key=lambda target: str(target.table) in known):
        setting = rule(target).setting
        if setting not in planned:
            raise _refused(f"its settings are not those of this run: {_change(plan, target)}")
        planned.remove(setting)
    if planned:
        table = planned[0]["table"]
        raise _refused(f"it also holds rows of {table} that this run does not sweep")
    context.log.debug(f"the settings are those of the plan ({plan.config_hash})")


def _change(plan: Plan, target: Target) -> str:
    """Which setting is another than in the plan, in words."""
    wanted = rule(target)
    name = ages.column(target)
    alike = [p for p in plan.rules if (p.table, p.column) == (wanted.table, wanted.column)]
    if not alike:
        return f"it knows nothing of {name}"
    for planned in alike:
        if planned.condition == wanted.condition:
            return f"{name} was counted by {planned.older_than}, and {wanted.older_than} is set now"
    return f"{name} was counted where {alike[0].condition}, and now it is where {wanted.condition}"


def _check_rows(context: Context, table: str, planned: int, found: int) -> None:
    percent: float = context.order.value("drift")
    slack = max(ceil(planned * percent / 100), SLACK_ROWS if percent else 0)
    if abs(found - planned) > slack:
        raise _refused(
            f"it counted {planned:,} rows of {table}, and now {found:,} would go, which is more"
            f" than {slack:,} rows away (--drift {percent:g})"
        )


def _refused(clause: str) -> Refused:
    return Refused(f"the plan of --apply does not hold any more: {clause}. {_NOTHING}")
