"""Walking a part whose rows are kept in an archive: a batch is two messages.

The first locks and gathers what one group of roots takes with it, and declares cursors, from which
the rows go to the archive piece by piece: below one root there may be any number. When they are
durable, the second deletes exactly those, enters the file in the ledger, and commits. A connection
that breaks in between leaves a file that nothing names, and all rows where they were.

Settings of the transaction hold what was gathered from the first message to the second, as text: no
temporary table is made, which would bloat the catalog, and nothing outlives the transaction.
"""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from psycopg import sql

from maintcli.db import formats
from maintcli.db.catalog import tables
from maintcli.db.catalog.links import Link
from maintcli.db.catalog.tables import Shape
from maintcli.db.sqlstate import NOT_AS_GATHERED
from maintcli.engines.archive import ledger
from maintcli.engines.archive.writer import Section
from maintcli.engines.base import batch
from maintcli.engines.base.batch import Below, Done, Step
from maintcli.engines.base.delete import Bite
from maintcli.engines.foreign_keys import variables as v
from maintcli.engines.foreign_keys.walk import ClosureWalk
from maintcli.engines.windows.window import Pieces
from maintcli.errors import ConfigError
from maintcli.runtime.context import Context
from maintcli.runtime.cursors import Cursors
from maintcli.runtime.session import Row

if TYPE_CHECKING:
    from maintcli.engines.archive.archive import Archive


_STOP = sql.SQL("""maint_stop := maint_stop OR maint_more OR pg_catalog.cardinality(maint_r) > 0;
{exports}""")

_EXPORT = sql.SQL("PERFORM set_config({setting}, {variable}::text, true);")
_IMPORT = sql.SQL("{variable} := current_setting({setting});")

_EXACT = sql.SQL("""IF {counter} <> pg_catalog.cardinality({rows}) THEN
    RAISE EXCEPTION 'not as archived' USING ERRCODE = {state};
END IF;""")


_ROWS = sql.SQL(
    "SELECT {columns} FROM ONLY {relation} WHERE ctid = ANY (current_setting({places})::tid[])"
)

_DECLARE = sql.SQL("DECLARE {name} NO SCROLL CURSOR WITHOUT HOLD FOR {query}")


def setting(variable: sql.Composable) -> str:
    """The setting that holds a variable."""
    return "maint." + variable.as_string().strip('"').removeprefix("maint_")


class Wanted(NamedTuple):
    """A query for rows, and the section that they will be."""

    query: sql.Composable
    section: Section


class Carry(v.Names):
    """Writes what both messages say of it, for a cascade."""

    def leave(self) -> sql.Composable:
        """At the end of a step: stop where there is something to remove, and leave word of it."""
        exports = [
            _EXPORT.format(setting=setting(variable), variable=variable)
            for variable in self._carried()
        ]
        return _STOP.format(exports=v.joined(exports))

    def take(self) -> sql.Composable:
        """At the beginning of the second message: what the first one left."""
        return v.joined(
            _IMPORT.format(setting=setting(variable), variable=variable)
            for variable in self._carried()
        )

    def exactly(self) -> sql.Composable:
        """Raise unless all that was gathered is gone."""
        pairs = [(self.counter(oid), self.rows(oid)) for oid in self.cascade.members]
        pairs += [(self.link_counter(link), self.unlinked(link)) for link in self.cascade.unlinks]
        return v.joined(
            _EXACT.format(counter=counter, rows=rows, state=NOT_AS_GATHERED)
            for counter, rows in pairs
        )

    def _carried(self) -> list[sql.Composable]:
        roots, more = sql.Identifier("maint_r"), sql.Identifier("maint_more")
        members = [self.rows(oid) for oid in self.cascade.members]
        links = [
            variable
            for link in self.cascade.unlinks
            for variable in (self.unlinked(link), self.link_cut(link))
        ]
        return [roots, more, *members, *links]

    def wanted(self, shapes: Mapping[int, Shape]) -> list[Wanted]:
        """The queries for all rows that a batch removes, and all references that it takes."""
        members = [
            self._wanted(oid, self.rows(oid), shapes[oid].columns, key=0)
            for oid in self.cascade.members
        ]
        return members + [self._links(link, shapes[link.child]) for link in self.cascade.unlinks]

    def _links(self, link: Link, shape: Shape) -> Wanted:
        if not shape.key:
            child = str(self.cascade.relations[link.child])
            raise ConfigError(
                f"{child} has no primary key, so references that a delete takes from it"
                f" ({link.key.name}) could not be put back from an archive. Add a primary key, or"
                " sweep without --archive."
            )
        changed = tuple(name for name in link.key.set_columns if name not in shape.key)
        places = self.unlinked(link)
        return self._wanted(link.child, places, (*shape.key, *changed), key=len(shape.key))

    def _wanted(
        self, oid: int, places: sql.Composable, columns: tuple[str, ...], *, key: int
    ) -> Wanted:
        relation = self.cascade.relations[oid]
        query = _ROWS.format(
            columns=sql.SQL(", ").join(sql.Identifier(name) for name in columns),
            relation=relation.quoted,
            places=setting(places),
        )
        kind: Literal["rows", "links"] = "links" if key else "rows"
        return Wanted(
            query, Section(relation.top_schema, relation.top_table, columns, kind, [], key)
        )


def _declared(queries: Sequence[Wanted]) -> list[sql.Composable]:
    """The statements that make a cursor of each query."""
    return [
        _DECLARE.format(name=sql.Identifier(_name(number)), query=one.query)
        for number, one in enumerate(queries)
    ]


def _filled(queries: Sequence[Wanted], cursors: Cursors) -> list[Section]:
    """The sections with their rows, which come from the server as they are asked for."""
    return [
        one.section._replace(rows=cursors.read(_name(number))) for number, one in enumerate(queries)
    ]


def _name(number: int) -> str:
    return f"maint_s{number}"


MOST_ROWS = 5_000  # of a batch, roots and what goes with them
MOST_BYTES = 8_000_000
MOST_ROOTS = 4_096
IDLE_SECONDS = 45
_FIRST_ROOTS = 64
_WINDOWS = 50

# The rows stay locked while they are stored, which services/ bounds below this; and this lies below
# the lease, so that a holder that froze in between cannot block its successor. The second limit is
# for one that froze while a value longer than all buffers was on its way.
_SETTINGS = sql.SQL(
    """{exactly}; SET LOCAL idle_in_transaction_session_timeout = {idle};
SET LOCAL tcp_user_timeout = {idle}"""
)

_CLOSE = sql.SQL("CLOSE ALL")

_TAKEN = sql.SQL("""{take}
IF maint_more OR pg_catalog.cardinality(maint_r) > 0 THEN
{remove}
{exactly}
END IF;
maint_left := {left};
maint_end := {end};
maint_stay := {stay};
maint_named := {named};
maint_failed := {failed};
maint_failures := {failures};
maint_waits := {waits};
{blockers}
maint_stop := true;
{extra}""")


class ArchivedWalk(ClosureWalk):
    """A ClosureWalk that has what goes kept first."""

    archive: "Archive"
    carry: Carry
    shapes: dict[int, Shape]

    def keep_in(self, archive: "Archive", context: Context) -> "ArchivedWalk":
        """Say where rows are kept."""
        concerned = [
            *self.script.cascade.members,
            *(link.child for link in self.script.cascade.unlinks),
        ]
        self.archive = archive
        self.carry = Carry(self.script.cascade)
        self.shapes = tables.shapes(context.session, concerned)
        self.most_roots = MOST_ROOTS
        self.group = (
            1 if self.script.cascade.cascades or self.script.cascade.unlinks else _FIRST_ROOTS
        )
        return self

    def step(self, bite: Bite) -> Step:
        """The next batch: one group of roots."""
        # A window is what a batch is taken from, not how much of a batch.
        wide = max(bite.size, _WINDOWS * self.windows.first_bite)
        made = super().step(bite._replace(size=wide))
        return made._replace(settings=self.settings_for(None))

    def begin_with(self, bite: Bite) -> int:
        """The one group's roots: a lock does not make it small, for the batch ends with it."""
        return 1 if bite.small else self.group

    def body(self, pieces: Pieces, named: sql.Composable, *, skip: bool) -> sql.Composable:
        """Collect, and leave the rest to the second message."""
        collect = self.script.collect(pieces.list, skip=skip)
        advanced, left = (
            self.script.advance(pieces, self.most_roots),
            self.carry.leave(),
        )
        rehearsed = [self.script.rehearse()] if self.isolating else []
        return v.joined([collect, *rehearsed, named, advanced, self.script.extra(), left])

    def advance(self, done: Done) -> float:
        """Go on behind the batch, with more or fewer roots by what the last ones took."""
        group = self.group
        units = super().advance(done)
        if done.below is None or done.below.retry:
            return units  # with the smaller group that the server came to
        self.group = group
        rows, size = done.below.kept
        if rows > MOST_ROWS or size > MOST_BYTES:
            if self.group == 1 and size > MOST_BYTES:
                self.limit = max(1, self.limit // 2)
            self.group = max(1, self.group // 2)
        elif 2 * rows <= MOST_ROWS and 2 * size <= MOST_BYTES:
            self.group = min(self.most_roots, 2 * self.group)
        return units

    def send(
        self, context: Context, step: Step, *, budget_ms: float, statement_seconds: float
    ) -> Done:
        """Send both messages; the rows are durable in the archive before the second."""
        began, queries = time.perf_counter(), self.carry.wanted(self.shapes)
        looking = step._replace(terms=step.terms._replace(check=None))  # the second message looks
        first = batch.message(context, looking, budget_ms, counted=False)
        gathered: list[tuple[Done, Below]] = []

        def answer(found: Sequence[Row], cursors: Cursors) -> list[sql.Composable]:
            looked = batch.read(found, 0.0)
            assert looked.below is not None  # noqa: S101  each step of a closure walk has it
            taken = self._second(context, step, _filled(queries, cursors), looked, looked.below)
            kept = cursors.rows, cursors.size_bytes
            gathered.append((looked, looked.below._replace(kept=kept)))
            second = batch.message(context, taken, budget_ms)
            return [_CLOSE, second.settings, second.body, second.result]

        settings = _SETTINGS.format(idle=IDLE_SECONDS * 1000, exactly=formats.WITHOUT_LOSS)
        rows = context.session.converse(
            [settings, first.settings, first.body, *_declared(queries), first.result],
            answer,
            statement_seconds=statement_seconds,
        )
        done = batch.read(rows, (time.perf_counter() - began) * 1000)
        ((looked, below),) = gathered
        assert done.below is not None  # noqa: S101  see above
        whole = done.below._replace(group=below.group, retry=below.retry, kept=below.kept)
        return done._replace(below=whole, server_ms=done.server_ms + looked.server_ms)

    def _second(
        self,
        context: Context,
        step: Step,
        sections: Sequence[Section],
        looked: Done,
        below: Below,
    ) -> Step:
        kept = self.archive.keep(1, sections)
        entry = ledger.entry(context.lease, kept) if context.lease else sql.SQL("")
        bite = _TAKEN.format(
            take=self.carry.take(),
            remove=self.script.remove(),
            exactly=self.carry.exactly(),
            left=looked.left,
            end=looked.end,
            stay=below.blocked,
            named=formats.as_json(below.named),
            failed=below.failed,
            failures=formats.as_json(below.failures),
            waits=below.waits,
            blockers=self.script.blocked_before(below.blockers),
            extra=self.script.extra(),
        )
        declare = sql.SQL(" ").join([self.windows.pieces(1).declare, self.declare(1)])
        return step._replace(bite=bite, settings=self.settings, declare=declare, after=entry)
