"""The counters of an erasure, exact even where a connection or the run breaks."""

import json
from collections import Counter
from dataclasses import dataclass

import psycopg

from maintcli.db import sqlstate
from maintcli.engines.base.batch import Done
from maintcli.engines.erase.users import User
from maintcli.runtime.context import Context


@dataclass(frozen=True, slots=True)
class Erased:
    """The figures; in a dry run what a real run would do.

    `erased_count` users were stamped, `kept_count` had opted back in by the time they were looked
    at, `locked_count` were left because others held them or rows of theirs locked, and
    `blocked_count` because rows of other tables hold on to theirs. `deleted_count` and `tables` are
    the rows removed, of all users.
    """

    erased_count: int
    deleted_count: int
    kept_count: int
    locked_count: int
    blocked_count: int
    batches: int
    cutoff: str
    tables: dict[str, int]


_MOST_NAMED = 20  # users in the log


class Counters:
    """How each user ended, what was deleted, and what kept rows from being deleted."""

    def __init__(self, context: Context, cutoff: str) -> None:
        self.context = context
        self.cutoff = cutoff
        self.deleted = self.batches = 0
        self.tables: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()
        self.blockers: dict[str, None] = {}

    def batch(self, user: User, done: Done) -> tuple[int, str]:
        """Count a batch; return the piece where it ended, and the state of the user."""
        at, state, counts, certified = json.loads(done.end or "[]")
        self.batches += 1
        self.deleted = done.total if self.context.lease else self.deleted + done.rows
        if certified is not None:
            # The certificate knows of batches whose COMMIT was lost on the way to us.
            self.tables.update(certified)
            self.tables.subtract(user.counts)
            user.counts.update(certified)
        elif self.context.lease is None:
            self.tables.update(counts)
        self.context.order.progress(self.deleted, None)
        return at, state

    def user(self, user: User, end: str) -> None:
        """Count how a user ended, and log it unless the user was erased."""
        self.ends[end] += 1
        why = {
            "kept": "opted back in, or is gone; what was left is kept",
            "blocked": f"stays unstamped: {self.objectors} will not let rows go",
        }
        if end in why and self.ends[end] <= _MOST_NAMED:
            who = f"user {user.key[:8]}{'…' if len(user.key) > 8 else ''}"
            self.context.log.info(f"{who} {why[end]}")

    def objection(self, error: psycopg.Error) -> None:
        """Note what kept a row from being deleted: a table with a foreign key, or what raised."""
        schema, table = error.diag.schema_name, error.diag.table_name
        what = f"{schema}.{table}" if table else f"the database ({sqlstate.said(error)})"
        self.blockers[what] = None

    @property
    def objectors(self) -> str:
        """Everything that kept rows from being deleted."""
        return ", ".join(self.blockers)

    @property
    def figures(self) -> Erased:
        """The figures so far."""
        return Erased(
            erased_count=self.ends["erased"],
            deleted_count=self.deleted,
            kept_count=self.ends["kept"],
            locked_count=self.ends["locked"],
            blocked_count=self.ends["blocked"],
            batches=self.batches,
            cutoff=self.cutoff,
            tables={table: rows for table, rows in self.tables.items() if rows},
        )
