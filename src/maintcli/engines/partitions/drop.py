"""Dropping the expired partitions of one table, after finishing what an earlier run began."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import NamedTuple

import psycopg
from psycopg import sql

from maintcli.db import sqlstate
from maintcli.db.catalog.partitions import Partition
from maintcli.engines.base import count
from maintcli.engines.base.batch import Done
from maintcli.engines.base.target import Target
from maintcli.engines.partitions.choose import (
    Chosen,
    can_have_some,
    choose,
    drops,
    keeps,
    objection_to_any,
    trees,
    whole,
)
from maintcli.engines.partitions.detach import (
    Detacher,
    Marked,
    Piece,
    former,
    mark,
    marked,
    wait_for_readers,
)
from maintcli.errors import StillLocked
from maintcli.runtime.context import Context
from maintcli.words import many


class Dropped(NamedTuple):
    """The relations that are left to sweep no more: other parts' (`others`), and this run's.

    `mine` are gone, or in use by other sessions; `held_rows` are the stale rows in the latter.
    """

    others: frozenset[int] = frozenset()
    mine: frozenset[int] = frozenset()
    held_rows: int = 0


def drop(
    context: Context, target: Target, note: Callable[[Done], None], go_on: Callable[[], bool]
) -> Dropped:
    """Detach and drop the expired partitions of the target's table; the rest is for the sweep.

    `note` is told of each partition that is gone, `go_on` is asked before each. Of a run that is
    divided by --shard part 0 does that, and the others leave them alone.
    """
    if not can_have_some(target):
        return Dropped()
    if not drops(context):
        return Dropped(others=whole(context, target, aloud=True))
    removal = Removal(context, target, Detacher(context, target, note), go_on)
    if objection_to_any(context) is None:
        removal.finish_earlier()
    chosen = choose(context, target)
    if chosen is not None:
        removal.remove(chosen)
    return Dropped(mine=frozenset(removal.gone | removal.held), held_rows=removal.held_rows)


def show(context: Context, target: Target) -> frozenset[int]:
    """Log which partitions a real run would detach, with rows and bytes; return their relations."""
    if not can_have_some(target):
        return frozenset()
    chosen = choose(context, target)
    found = chosen.partitions if chosen is not None else ()
    if not drops(context):
        if found:
            context.log.info(f"{len(found):,} partitions are expired as a whole: part 0 drops them")
        return trees(found)
    what = "detached and kept" if keeps(context) else "dropped"
    for partition in found:
        rows = count.table_rows(context, target.within(partition.tree))
        context.log.info(
            f"{partition} is expired as a whole: it would be {what}, with {many(rows)} and"
            f" {partition.bytes:,} bytes"
        )
    for left in marked(context, target):
        if left.is_to_be_dropped and (left.pending or not left.attached):
            context.log.info(f"{left} was being detached by an earlier run, and would be dropped")
    return trees(found)


@dataclass(slots=True)
class Removal:
    """The removal of one table's partitions; `go_on` is asked before each.

    `gone` are relations that a sweep must not look for, `held` those that it leaves alone, because
    other sessions use them; `held_rows` are the stale rows in these.
    """

    context: Context
    target: Target
    detacher: Detacher
    go_on: Callable[[], bool]
    gone: set[int] = field(default_factory=set[int])
    held: set[int] = field(default_factory=set[int])
    held_rows: int = 0

    def finish_earlier(self) -> None:
        """Finish the removals that earlier runs began before they were killed."""
        for found in marked(self.context, self.target):
            piece = Piece(found.oid, found.quoted, former(found.comment))
            try:
                with self._about(piece):
                    self._finish(found, piece)
            except StillLocked as error:
                self.context.log.warn(f"{piece} of an earlier run stays as it is: {error}")

    def remove(self, chosen: Chosen) -> None:
        """Remove the chosen partitions; one that others use is left, counted and logged."""
        stuck = False
        for partition in chosen.partitions:
            if not self.go_on():
                return
            piece = Piece(partition.oid, partition.quoted, partition.comment)
            try:
                if not stuck:  # a table can have only one half-detached partition
                    with self._about(piece):
                        self._remove(partition, piece, concurrently=not chosen.scheme.has_default)
                    continue
            except StillLocked:
                stuck = self.detacher.state(partition.oid) == "pending"
            self._hold(partition)

    def _about(self, piece: Piece) -> AbstractContextManager[None]:
        """Name the partition in errors of PostgreSQL, or of a user's event trigger."""
        return sqlstate.about(f"{self.target.title}, partition {piece}")

    def _finish(self, found: Marked, piece: Piece) -> None:
        if found.attached and not found.pending:
            self.detacher.comment(
                piece, piece.comment
            )  # the earlier run had not begun to detach it
            return
        if found.pending:
            self.detacher.comment(piece, found.comment)  # under the fence
            self.detacher.detach_concurrently(piece)
        if found.is_to_be_dropped:
            self.context.log.info(f"{piece} was detached by an earlier run, to be dropped")
            self._drop(piece)

    def _remove(self, partition: Partition, piece: Piece, *, concurrently: bool) -> None:
        keep: bool = self.context.order.value("keep_detached")
        comment = mark(self.context, self.target, partition.comment, keep=keep)
        wait_for_readers(
            self.context, self.detacher.patience, {self.target.table.oid, *partition.tree}
        )
        if concurrently:
            self._detach_concurrently(piece, comment)
        else:  # the only way for a table with a default partition
            self.detacher.detach_plainly(piece, comment)
        self.gone |= partition.tree
        if keep:
            self._keep(piece)
        else:
            self._drop(piece)

    def _detach_concurrently(self, piece: Piece, comment: str) -> None:
        self.detacher.comment(piece, comment)
        try:
            self.detacher.detach_concurrently(piece)
        except StillLocked:
            if self.detacher.state(piece.oid) == "attached":
                self.detacher.comment(piece, piece.comment)
            raise

    def _drop(self, piece: Piece) -> None:
        counts, log = self.context.counts, self.context.log
        before = counts.get("deleted_count", 0)
        try:
            fresh = self.detacher.drop(piece)
        except psycopg.errors.DependentObjectsStillExist as error:
            why = sqlstate.said(error)
            log.warn(f"{piece} was detached from {self.target.table} and is still there: {why}")
            return
        except StillLocked:
            log.warn(f"{piece} was detached; other sessions use it, so the next run drops it")
            return
        if fresh:
            log.warn(
                f"{piece} was detached from {self.target.table} and NOT dropped: {fresh:,} of its"
                " rows are not stale. Attach it again, or move those rows."
            )
        elif self.detacher.state(piece.oid) == "gone":
            rows = counts.get("deleted_count", 0) - before
            counts["dropped_partitions"] = counts.get("dropped_partitions", 0) + 1
            log.info(f"dropped {piece} with {many(rows)}")

    def _keep(self, piece: Piece) -> None:
        query = sql.SQL("SELECT count(*) FROM {}").format(piece.quoted)
        ((rows,),) = self.context.session.read_composed(query)
        counts = self.context.counts
        counts["detached_count"] = counts.get("detached_count", 0) + 1
        counts["detached_rows"] = counts.get("detached_rows", 0) + rows
        self.context.log.info(f"detached {piece} with {many(rows)}, and kept it")

    def _hold(self, partition: Partition) -> None:
        self.held |= partition.tree
        held = self.target.within(partition.tree)
        try:
            rows = count.remaining(self.context, held)
        except psycopg.errors.LockNotAvailable:
            rows = None
        if rows is None:
            rows = sum(max(0, int(part.rows)) for part in held.table.parts)
        self.held_rows += rows
        self.context.log.warn(
            f"{partition} is expired as a whole, but others use it; the next run tries again"
        )
