"""Which walk goes through a part: by its plan, and by whether foreign keys refer to it."""

from typing import TYPE_CHECKING

from psycopg import sql

from maintcli.db import shapes
from maintcli.db.protections import keepers
from maintcli.db.tables import Column
from maintcli.engines.base import stripes
from maintcli.engines.base.delete import first_eight
from maintcli.engines.sweep.heap import HeapWalk
from maintcli.engines.sweep.index import IndexWalk
from maintcli.engines.sweep.plan import Plan, Way
from maintcli.engines.sweep.task import Task
from maintcli.runtime.context import Context

_TEXTS = ("text", "character varying", "character", "bytea")

if TYPE_CHECKING:
    from maintcli.engines.archive.archive import Archive
    from maintcli.engines.foreign_keys.walk import ClosureWalk
    from maintcli.engines.sweep.window import Plain, Window

    Walk = HeapWalk | IndexWalk | ClosureWalk
    Again = Window | ClosureWalk


def choose(context: Context, task: Task, chosen: Plan, archive: "Archive | None") -> "Walk":
    """The walk through the part of `chosen`, with `archive` where what goes is to be kept."""
    part, target = chosen.part, task.target
    if task.links is not None:
        from maintcli.engines.foreign_keys import (
            choose as closures,  # most tables are not referred to
        )

        if (found := closures.through(context, task, chosen, archive)) is not None:
            return found
    walk: HeapWalk | IndexWalk
    if chosen.way is Way.HEAP:
        mine = stripes.share(context.shard, part.oid)
        walk = HeapWalk(part, target.predicate, part.blocks, mine)
    else:
        kind = sql.SQL(target.by.type)  # pyright: ignore[reportArgumentType]  from the catalog
        walk = IndexWalk(part, target.predicate, target.by.name, kind, target.bound)
    # A plain walk takes the first rows of a window, up to the limit, and goes on behind the window.
    if context.order.value("limit") is not None and keepers(context.session, [part.oid]):
        return closely(context, task, walk)
    return walk


def closely(context: Context, task: Task, walk: "Plain") -> "ClosureWalk":
    """The walk that continues where `walk` is, and can pass by single rows."""
    from maintcli.engines.foreign_keys import choose as closures
    from maintcli.engines.foreign_keys import look

    links = task.links or look.links(context, task.target)
    return closures.alone(task.target, links, walk)


def key(context: Context, task: Task, walk: "ClosureWalk") -> sql.Composable:
    """SQL that names a row: by what the job shows of it, or by its primary key."""
    target = task.target
    if target.show:
        shown = [(name, first_eight(name)) for name in target.show]
    else:
        oid = walk.script.cascade.part
        columns = shapes.shapes(context.session, [oid])[oid].key
        shown = [(name, _in_full(target.table.columns[name])) for name in columns]
    named = [
        sql.SQL("concat({}, {}::text)").format(f"{name} = ", value)
        for name, value in shown or [("ctid", sql.SQL("ctid"))]
    ]
    return sql.SQL("concat_ws(', ', {})").format(sql.SQL(", ").join(named))


def _in_full(column: Column) -> sql.Composable:
    """A text may be a secret, such as the key of a session: of that the first characters."""
    quoted = sql.Identifier(column.name)
    return first_eight(column.name) if column.type in _TEXTS else quoted
