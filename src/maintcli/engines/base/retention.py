"""The ages that a run deletes by, and the guard against a retention setting that was shortened.

An edited number once erased 145,000 users' data elsewhere: a shorter age, or another condition,
looks like any other setting, and what it removes is gone. So the first run after such a change is
refused where it would remove more rows.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple
from zlib import crc32

from psycopg import sql

from maintcli.config.duration import Duration
from maintcli.db import sqlstate, toolkit
from maintcli.engines.base import count
from maintcli.engines.base.target import Target
from maintcli.errors import ConfigError
from maintcli.runtime import history
from maintcli.runtime.context import Context

MOST_COUNTED = 10_000_000
_CUTOFF = "{cutoff}"
_WHERE = " where "
_QUOTED = re.compile(r"""('[^']*'|"[^"]*")""")
_HARD_TO_READ = re.compile(r"[\\$]|--|/\*")  # other ways to quote, and comments
# Next to these a space has no meaning, unless it separates two operators; NUL is quoted text.
_MEANS_NOTHING = re.compile(r"(?<=[\w)\0]) (?=[(),<>=~!*/%^|])|(?<=[(),<>=~!*/%^|]) (?=[\w()\0])")


def age_column(target: Target) -> str:
    """The age column with its table: `public.events.occurred_at`."""
    return f"{target.table}.{target.by.name}"


def condition(target: Target) -> str:
    """What makes a row stale, as SQL with `{cutoff}` for the cutoff, which differs in every run."""
    return spaced(target.predicate.as_string().replace(target.bound.as_string(), _CUTOFF))


def spaced(text: str) -> str:
    """The condition with normalized spaces: two that differ in spaces alone become equal."""
    if _HARD_TO_READ.search(text):
        return text.strip()
    pieces = _QUOTED.split(text)
    plain = " ".join("\0".join(pieces[::2]).split())
    pieces[::2] = _MEANS_NOTHING.sub("", plain).split("\0")
    return "".join(pieces)


def recorded(targets: Sequence[Target]) -> dict[str, str]:
    """The ages by their keys, as the ledger keeps them."""
    return {key: str(one.older_than) for key, one in zip(_keys(targets), targets, strict=True)}


def objection(context: Context, targets: Sequence[Target]) -> str | None:
    """The sentence if rows are stale only because the age, or the condition, was changed."""
    found = _earlier(context, targets)
    for key, target in zip(_keys(targets), targets, strict=True):
        before = found.get(age_column(target))
        with sqlstate.about(target.title):
            why = _objection(context, key, target, before) if before is not None else None
        if why is not None:
            return f"{age_column(target)}: {why}."
    return None


class _Earlier(NamedTuple):
    """The newest run that deleted by an age column: its ages by their keys, and when it began."""

    ages: Mapping[str, Duration]
    when: datetime


def _keys(targets: Sequence[Target]) -> list[str]:
    """A key for each target's age: its column, with a hash of the condition that the user gave.

    Where a job's own conditions share a column, a checksum tells them apart.
    """
    names = [_name(target) for target in targets]
    shared = Counter(names)
    return [
        name if shared[name] == 1 else f"{name} {crc32(condition(target).encode()):08x}"
        for name, target in zip(names, targets, strict=True)
    ]


def _name(target: Target) -> str:
    if target.also is None:
        return age_column(target)
    return f"{age_column(target)}{_WHERE}{sha256(spaced(target.also).encode()).hexdigest()[:12]}"


def _earlier(context: Context, targets: Sequence[Target]) -> Mapping[str, _Earlier]:
    """The newest run for each age column; empty where there is none, or no ledger."""
    schema = _schema(context)
    if schema is None:
        return {}
    columns = sorted({age_column(target) for target in targets})
    return {
        column: _Earlier(_of(column, retention), when.astimezone(UTC))
        for column, retention, when in history.ages(context.session, schema, context.job, columns)
    }


def _of(column: str, retention: Mapping[str, str]) -> Mapping[str, Duration]:
    return {
        key: Duration.parse(age)
        for key, age in retention.items()
        if key == column or key.startswith(f"{column} ")
    }


def _schema(context: Context) -> str | None:
    """The ledger's schema; None, with a message in the log, where there is no ledger to read."""
    if context.lease is not None:
        return context.lease.schema
    if context.order.value("no_ledger"):
        context.log.warn(
            "without run history (--no-ledger) maint cannot tell whether the retention became"
            " shorter"
        )
        return None
    schema = _readable(context)
    if schema is None:
        context.log.info(
            "No history yet, so maint cannot tell whether the retention became shorter."
        )
    return schema


def _readable(context: Context) -> str | None:
    """A dry run holds no lease and needs no ledger, and reads one that is there."""
    try:
        found = toolkit.look(context.session.connection, context.order.database.schema)
    except ConfigError:
        return None
    if found.version != toolkit.VERSION or found.foreign or found.faults:
        return None
    return found.schema if history.is_readable(context.session, found.schema) else None


def _objection(context: Context, key: str, target: Target, before: _Earlier) -> str | None:
    """Why more rows of the table are stale than in the run before."""
    # A run without any condition removed more than one with a condition.
    age = before.ages.get(key) or before.ages.get(age_column(target))
    changed = key not in before.ages and any(_WHERE in one for one in (key, *before.ages))
    if age is None and not changed:
        return None
    newly = target.predicate
    if age is not None:
        if target.older_than.approx_seconds >= age.approx_seconds:
            return None
        by, bound = target.by.value(), target.bound_for(context, age)
        newly = sql.SQL("({}) AND {} >= {}").format(target.predicate, by, bound)
    more = count.stale(context, target._replace(predicate=newly), most=MOST_COUNTED)
    if not more:
        return None
    when = f"the run of {before.when:%Y-%m-%d %H:%M} UTC"
    if changed:
        return _changed(target, when, _are(more))
    place = _origin(context, target)
    return (
        f"the age {target.older_than} ({place}) is shorter than the {age} of {when}, and"
        f" {_are(more)} stale only by the shorter one"
    )


def _origin(context: Context, target: Target) -> str:
    """Where the age was set: a flag, a variable, a file and its key, or the job's own default."""
    if target.origin is not None:
        return target.origin
    sources = context.order.values.values()
    found = [source.origin for source in sources if source.value is target.older_than]
    return next((place for place in found if place != "default"), "the job's default")


def _changed(target: Target, when: str, more: str) -> str:
    place = target.map.setting(target.key, "where")
    if target.also is None:
        return f"{when} had a condition ({place}), which is gone, and {more} stale now"
    return f"the condition ({place}) is another than in {when}, and {more} stale by it"


def _are(rows: int) -> str:
    if rows == 1:
        return "1 row is"
    return f"over {rows:,} rows are" if rows >= MOST_COUNTED else f"{rows:,} rows are"
