"""The plan file between `--dry-run --plan FILE` and `--apply FILE`: what was counted, of what.

It holds no row and no secret. Its checksum covers the settings, so that a file changed by hand is
noticed, and two plans can be compared at a glance. A plan holds for the same job, part,
database and settings, for a week, and while the rows are about as many.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple, cast

import psycopg

from maintcli.config.files import replace
from maintcli.config.messages import word
from maintcli.engines.base import retention
from maintcli.engines.base.guard import Expected
from maintcli.engines.base.target import Target
from maintcli.errors import Refused, Usage
from maintcli.runtime.context import Context
from maintcli.words import moment

FORMAT = 1
OLDEST = timedelta(days=7)
CLOCKS_APART = timedelta(hours=1)
SLACK_ROWS = 10  # of a handful of rows, a tenth is less than one
_LARGEST_BYTES = 4 * 2**20
_NOTHING = "Nothing was changed. Make a new plan with --dry-run --plan FILE."


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One setting that a run was counted by: which rows of `table` were stale, before `cutoff`."""

    table: str
    column: str
    older_than: str
    condition: str
    cutoff: str

    @property
    def setting(self) -> dict[str, str]:
        """What must be the same when the plan is applied; the cutoff moves with the clock."""
        return {name: value for name, value in asdict(self).items() if name != "cutoff"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A dry run's figures: `rows` of each swept table, and those that go with them (`cascaded`).

    `system` identifies the server's cluster, None where the role may not ask for it. `shard` is the
    part that was counted, as `0/4`, None for the whole. `complete` is False where a figure took too
    long to count.
    """

    job: str
    database: str
    host: str
    system: str | None
    made_at: datetime
    rules: tuple[Rule, ...]
    rows: Mapping[str, int]
    cascaded: Mapping[str, int]
    complete: bool = True
    shard: str | None = None

    @property
    def config_hash(self) -> str:
        """Twelve hexadecimal digits over the job, its settings, and which part it is."""
        settings = sorted(json.dumps(rule.setting, sort_keys=True) for rule in self.rules)
        hashed = [self.job, settings, *([self.shard] if self.shard else [])]
        return sha256(json.dumps(hashed).encode()).hexdigest()[:12]


def write(path: Path, plan: Plan) -> None:
    """Write `plan`, whole or not at all. Raises Usage."""
    try:
        replace(path, json.dumps(_as_dict(plan), indent=2) + "\n")
    except OSError as error:
        raise Usage(f"--plan {path} cannot be written: {error.strerror}.") from None


def read(path: Path) -> Plan:
    """Read a plan. Raises Usage for a file that is missing or is not a plan."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise Usage(f"--apply {path} cannot be read: {error.strerror}.") from None
    try:
        return _plan(json.loads(content[:_LARGEST_BYTES].decode()))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        clause = (
            str(error)
            if isinstance(error, _NotOursError)
            else "it is damaged, or another kind of file"
        )
        raise Usage(
            f"--apply {path} is not a plan that maint can use: {clause}. Make one with"
            " --dry-run --plan FILE."
        ) from None


def save(context: Context, path: Path, targets: Sequence[Target], counted: Expected) -> None:
    """Write the plan of a dry run that `counted` the rows of `targets`. Raises Usage."""
    swept = {str(target.table) for target in targets}
    if not counted.complete:
        context.log.warn("not every table was counted in time, so this plan does not skip guards")
    here = _place(context)
    ((now,),) = context.session.read("SELECT now()")
    plan = Plan(
        job=context.job,
        database=here.name,
        host=here.host,
        system=here.system,
        made_at=now,
        rules=tuple(_rule_of(target) for target in targets),
        rows={table: rows for table, rows in counted.tables.items() if table in swept},
        cascaded={table: rows for table, rows in counted.tables.items() if table not in swept},
        complete=counted.complete,
        shard=str(context.shard) if context.shard is not None else None,
    )
    write(path, plan)
    context.log.info(f"the plan is in {path} ({plan.config_hash}); to run it: --apply {word(path)}")


def check(
    context: Context, targets: Sequence[Target], path: Path, count: Callable[[], Expected]
) -> bool:
    """Raise Refused unless the plan in `path` still holds; Usage for a bad file.

    Returns whether it is the approval that guards ask for: not where a figure is missing.
    """
    plan = read(path)
    _check_place(context, plan)
    _check_age(context, plan)
    _check_settings(context, plan, targets)
    now, planned = count(), {**plan.cascaded, **plan.rows}
    for table in sorted({*planned, *now.tables}):
        _check_rows(context, table, planned.get(table, 0), now.tables.get(table, 0))
    context.log.info(f"applying the plan of {moment(plan.made_at)} ({plan.config_hash})")
    return plan.complete and now.complete


class _NotOursError(ValueError):
    """Its text is the clause of the message."""


def _as_dict(plan: Plan) -> dict[str, Any]:
    return {
        "maint_plan": FORMAT,
        "job": plan.job,
        "database": {"name": plan.database, "host": plan.host, "system": plan.system},
        "made_at": plan.made_at.isoformat(),
        "config_hash": plan.config_hash,
        "shard": plan.shard,
        "rules": [asdict(rule) for rule in plan.rules],
        "rows": dict(plan.rows),
        "cascaded": dict(plan.cascaded),
        "complete": plan.complete,
    }


def _plan(found: Any) -> Plan:
    version = found["maint_plan"]
    if version != FORMAT:
        raise _NotOursError(f"its format is {version}, and this maint knows {FORMAT}")
    made_at = datetime.fromisoformat(_text(found["made_at"]))
    plan = Plan(
        job=_text(found["job"]),
        database=_text(found["database"]["name"]),
        host=_text(found["database"]["host"]),
        system=None if found["database"]["system"] is None else _text(found["database"]["system"]),
        made_at=made_at if made_at.tzinfo else made_at.replace(tzinfo=UTC),
        rules=tuple(_rule(rule) for rule in found["rules"]),
        rows=_figures(found["rows"]),
        cascaded=_figures(found["cascaded"]),
        complete=found["complete"] is True,
        shard=None if found["shard"] is None else _text(found["shard"]),
    )
    if found["config_hash"] != plan.config_hash:
        raise _NotOursError("it was changed after it was made")
    return plan


def _rule(found: Any) -> Rule:
    return Rule(**{name: _text(found[name]) for name in Rule.__slots__})


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _figures(value: Any) -> dict[str, int]:
    figures = cast("dict[str, Any]", value)
    if not isinstance(value, dict) or any(type(n) is not int or n < 0 for n in figures.values()):
        raise TypeError
    return figures


class _Place(NamedTuple):
    """A database: its name and host, and its cluster's identifier where the role may ask for it."""

    name: str
    host: str
    system: str | None


def _place(context: Context) -> _Place:
    """Which database this is; a replica has its primary's identifier."""
    session = context.session
    ((name,),) = session.read("SELECT current_database()::text")
    try:
        ((system,),) = session.read("SELECT system_identifier::text FROM pg_control_system()")
    except psycopg.errors.InsufficientPrivilege:
        system = None
    return _Place(name, session.connection.info.host, system)


def _rule_of(target: Target) -> Rule:
    """What `target` is counted by, as a plan has it."""
    return Rule(
        table=str(target.table),
        column=target.by.name,
        older_than=str(target.older_than),
        condition=retention.condition(target),
        cutoff=moment(target.cutoff),
    )


def _check_place(context: Context, plan: Plan) -> None:
    if plan.job != context.job:
        raise _refused(f"it was made for {plan.job}, and this is {context.job}")
    shard = str(context.shard) if context.shard is not None else None
    if plan.shard != shard:
        raise _refused(f"the plan was made for {_part(plan.shard)}, and this is {_part(shard)}")
    here, there = _place(context), _Place(plan.database, plan.host, plan.system)
    if here.system is None or there.system is None:  # an unknown identifier is not compared
        here, there = here._replace(system=None), there._replace(system=None)
    else:  # a host has many names
        here = here._replace(host=there.host)
    if here != there:
        raise _refused(f"it was made for {_called(there)}, and this is {_called(here)}")


def _part(shard: str | None) -> str:
    return f"part {shard}" if shard else "the whole"


def _called(found: _Place) -> str:
    cluster = f", cluster {found.system}" if found.system else ""
    return f"the database {found.name} on {found.host or 'this host'}{cluster}"


def _check_age(context: Context, plan: Plan) -> None:
    ((now,),) = context.session.read("SELECT now()")
    if (
        plan.made_at - now > CLOCKS_APART
    ):  # else it would stay valid for as long as the clock was ahead
        when = moment(plan.made_at)
        raise _refused(f"it was made at {when}, which is in the future by the database's clock")
    if now - plan.made_at > OLDEST:
        days = (now - plan.made_at).days
        raise _refused(f"it is {days} days old, and at most {OLDEST.days} are allowed")


def _check_settings(context: Context, plan: Plan, targets: Sequence[Target]) -> None:
    planned = [one.setting for one in plan.rules]
    known = {one.table for one in plan.rules}
    if more := sorted(known - {str(target.table) for target in targets}):
        raise _refused(f"it also covers {more[0]}, which this run does not sweep")
    for target in sorted(targets, key=lambda target: str(target.table) in known):
        setting = _rule_of(target).setting
        if setting not in planned:
            raise _refused(f"its settings differ from those of this run: {_change(plan, target)}")
        planned.remove(setting)
    if planned:
        table = planned[0]["table"]
        raise _refused(f"it also covers {table}, which this run does not sweep")
    context.log.debug(f"the settings are those of the plan ({plan.config_hash})")


def _change(plan: Plan, target: Target) -> str:
    """How a setting differs from the plan, in words."""
    wanted = _rule_of(target)
    name = retention.age_column(target)
    alike = [p for p in plan.rules if (p.table, p.column) == (wanted.table, wanted.column)]
    if not alike:
        return f"it does not cover {name}"
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
    return Refused(f"the plan of --apply no longer holds: {clause}. {_NOTHING}")
