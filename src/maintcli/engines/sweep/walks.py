"""Walks through a part to which no foreign key refers, and which walk goes through a part."""

from typing import TYPE_CHECKING

from psycopg import sql

from maintcli.db.catalog import tables
from maintcli.db.catalog.protections import keepers
from maintcli.db.catalog.tables import Column
from maintcli.db.sqlstate import SCHEMA_CHANGED
from maintcli.engines.base import stripes
from maintcli.engines.base.batch import Below, Done, Step
from maintcli.engines.base.delete import Bite, delete, first_eight, lock_tables
from maintcli.engines.base.retry import Sender
from maintcli.engines.foreign_keys.tally import Rule, Tally
from maintcli.engines.sweep.task import Plan, Task, Way
from maintcli.engines.windows.blocks import Blocks
from maintcli.engines.windows.values import Values
from maintcli.engines.windows.window import Ranges
from maintcli.runtime.context import Context

_TEXTS = ("text", "character varying", "character", "bytea")

if TYPE_CHECKING:
    from maintcli.engines.archive.archive import Archive
    from maintcli.engines.foreign_keys.walk import ClosureWalk

# What refers to the part from now on would lose rows that nobody counts. Foreign keys cannot be
# added behind the DELETE before COMMIT; those added before have their triggers on the part.
_UNREFERENCED = sql.SQL("""IF EXISTS (
    SELECT FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_constraint k ON k.oid = t.tgconstraint
    WHERE t.tgrelid = {part}::pg_catalog.regclass::pg_catalog.oid
      AND k.contype = 'f' AND k.confrelid = t.tgrelid
) THEN
    RAISE EXCEPTION 'a foreign key was added' USING ERRCODE = {state};
END IF;""")


class Plain(Sender):
    """A walk over rows to which no foreign key refers; foreign_keys/walk.py walks the others.

    `windows` is the way through the relation `oid`; another walk can take it up where it is.
    """

    def __init__(self, oid: int, windows: Ranges) -> None:
        self.oid, self.windows = oid, windows
        self.part, self.predicate = windows.part, windows.predicate

    @property
    def walk_closer(self) -> bool:
        """A closure walk can pass by single rows."""
        return True

    @property
    def unchanged(self) -> sql.Composable:
        """PL/pgSQL that raises where a foreign key refers to the rows after all."""
        return _UNREFERENCED.format(part=self.part.as_string(), state=SCHEMA_CHANGED)

    def tell(self, tally: Tally, rule: Rule, below: Below) -> None:
        """Nothing happened beside the rows themselves."""

    def made(
        self, bite: Bite, body: sql.Composable, settings: sql.Composable, declare: sql.Composable
    ) -> Step:
        """A step, in which whatever waits with `bite.skip_locked` waits for a row."""
        locks = [lock_tables([sql.SQL("ONLY {}").format(self.part)])] if bite.skip_locked else []
        settings = sql.SQL("; ").join([settings, *locks])
        return Step(body, settings, declare)


class PlainWalk(Plain):
    """Walks a part window by window."""

    @property
    def first_bite(self) -> float:
        """Blocks or rows of the first window."""
        return self.windows.first_bite

    @property
    def finished(self) -> bool:
        """Whether every window was visited."""
        return self.windows.finished

    @property
    def progress(self) -> float | None:
        """The share of the way that is behind, from 0 to 1; None where it is not known."""
        return self.windows.progress

    def step(self, bite: Bite) -> Step:
        """The next batch, in bites of so many blocks or rows."""
        declare, body = self.windows.deleting(bite)
        return self.made(bite, body, self.windows.plain_settings, declare)

    def window(self, done: Done) -> "Window":
        """The rows that the batch `done` looked at."""
        again = self.windows.again(done.end)
        return Window(self.oid, again, self.windows.condition(done.end))

    def advance(self, done: Done) -> float:
        """Go on behind the batch; return its blocks or rows."""
        return self.windows.advance(done.end) or done.rows


class Window(Plain):
    """The rows that a batch looked at, once more: those of `windows` that meet `condition`."""

    def __init__(self, oid: int, windows: Ranges, condition: sql.Composable) -> None:
        super().__init__(oid, windows)
        self.condition = condition
        self.finished = False

    def step(self, bite: Bite) -> Step:
        """A batch over the same rows. What is still locked is left, asked for or not."""
        asked = bite._replace(skip_locked=True)
        body = delete(self.part, self.condition, self.predicate, asked)
        whole = sql.Composed([body, sql.SQL("\nmaint_stop := true;")])
        return self.made(asked, whole, self.windows.plain_settings, sql.SQL(""))

    def advance(self, done: Done) -> float:
        """One batch is all there is; return its rows."""
        self.finished = True
        return done.rows


if TYPE_CHECKING:
    Walk = PlainWalk | ClosureWalk
    Again = Window | ClosureWalk


def choose(context: Context, task: Task, chosen: Plan, archive: "Archive | None") -> "Walk":
    """The walk through the part of `chosen`, with `archive` where what goes is to be kept."""
    part, target = chosen.part, task.target
    if task.links is not None:
        from maintcli.engines.sweep import closures  # most tables are not referred to

        if (found := closures.through(context, task, chosen, archive)) is not None:
            return found
    ranges: Ranges
    if chosen.way is Way.HEAP:
        mine = stripes.share(context.shard, part.oid)
        ranges = Blocks(part.quoted, target.predicate, part.blocks, mine)
    else:
        ranges = Values(part.quoted, target.predicate, target.by, target.bound)
    walk = PlainWalk(part.oid, ranges)
    # A plain walk takes the first rows of a window, up to the limit, and goes on behind the window.
    if context.order.value("limit") is not None and keepers(context.session, [part.oid]):
        return closely(context, task, walk)
    return walk


def closely(context: Context, task: Task, walk: Plain) -> "ClosureWalk":
    """The walk that continues where `walk` is, and can pass by single rows."""
    from maintcli.engines.foreign_keys import look
    from maintcli.engines.sweep import closures

    links = task.links or look.links(context, task.target)
    return closures.alone(task.target, links, walk.oid, walk.windows, walk.unchanged)


def key(context: Context, task: Task, walk: "ClosureWalk") -> sql.Composable:
    """SQL that names a row: by what the job shows of it, or by its primary key."""
    target = task.target
    if target.show:
        shown = [(name, first_eight(name)) for name in target.show]
    else:
        oid = walk.script.cascade.part
        columns = tables.shapes(context.session, [oid])[oid].key
        shown = [(name, _in_full(target.table.columns[name])) for name in columns]
    named = [
        sql.SQL("pg_catalog.concat({}, {}::text)").format(f"{name} = ", value)
        for name, value in shown or [("ctid", sql.SQL("ctid"))]
    ]
    return sql.SQL("pg_catalog.concat_ws(', ', {})").format(sql.SQL(", ").join(named))


def _in_full(column: Column) -> sql.Composable:
    """A text may be a secret, such as the key of a session: of that the first characters."""
    quoted = sql.Identifier(column.name)
    return first_eight(column.name) if column.type in _TEXTS else quoted
