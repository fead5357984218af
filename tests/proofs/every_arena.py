"""The tables of any sweeping job under fire: every row known, slow to go, spread over many blocks."""

import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import psycopg
from psycopg import sql

from tests.jobs.every import Every, fill
from tests.parts.cli import Maint, Result
from tests.parts.inside import Inside
from tests.parts.waiting import PATIENCE
from tests.proofs.chaos import Usual
from tests.proofs.watched import Watched

STALE = 96
FRESH = 24
"""Rows in all of the job's tables together."""
BY_ROWS = {"reconcile-stragglers", "cleanup-abandoned-jobs-mark", "cleanup-orphans"}
"""They begin with up to 100 rows in a batch, not with a number of blocks, and get twice as many."""

Contents = Counter[tuple[str, str]]
"""Every row of the job's tables as text, by table."""

SLOW = """
CREATE OR REPLACE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
PERFORM pg_sleep({seconds}); RETURN CASE TG_OP WHEN 'DELETE' THEN old ELSE new END; END $$
"""
# One row to a block, so that a walk over blocks has many batches.
SPREAD = """
CREATE TRIGGER slow BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION dawdle();
ALTER TABLE {table} ADD COLUMN padding text DEFAULT repeat('x', 500), SET (fillfactor = 10)
"""


@dataclass
class EveryArena(Watched):
    """A database that `every` fills; each row takes 3 ms to go."""

    dsn: str
    maint: Maint
    every: Every
    inside: Inside
    more: tuple[str, ...] = ()
    """Further words of every run."""

    def __post_init__(self) -> None:
        self.job = self.every.job
        self.conn = psycopg.connect(self.dsn, autocommit=True)
        for runner in (self.maint, self.inside):
            (runner.folder / "maint.toml").write_text(self.every.toml)
        stale, fresh = STALE // self.every.times, FRESH // self.every.times
        if str(self.every) in BY_ROWS:
            stale *= 2
        with self.conn.transaction(force_rollback=True):
            fill(self.conn, self.every, stale=0, fresh=fresh)
            self.kept_rows = self.contents().total()
        self.stale_rows = fill(self.conn, self.every, stale=stale, fresh=fresh)
        assert self.stale() == self.stale_rows
        self._spread()
        self.before = self.contents()
        self.seen: list[Contents] = []

    def _spread(self) -> None:
        self.slow_down()
        for table in self.every.tables:
            if table != "job_runs":  # the run's own row is there
                name = sql.Identifier(table)
                self.conn.execute(sql.SQL(SPREAD).format(table=name))
                self.conn.execute(sql.SQL("VACUUM FULL {}").format(name))

    # -- runs

    def start(self) -> subprocess.Popen[str]:
        """Start a run and go on."""
        return self.maint.start(*self._words, env={"DATABASE_URL": self.dsn})

    def follow(self) -> Result:
        """Run to the end, with rows that are quick to go."""
        self.conn.execute(SLOW.format(seconds=0))
        return self.inside(*self._words, env={"DATABASE_URL": self.dsn})

    @property
    def _words(self) -> tuple[str, ...]:
        return (*self.every.command, *self.more, "--json")

    def slow_down(self) -> None:
        """Have rows take their time again."""
        self.conn.execute(SLOW.format(seconds=0.003))

    def usual(self) -> Usual:
        """What an undisturbed run takes, from the start of its process to its end."""
        began = time.monotonic()
        _, said = (process := self.start()).communicate(timeout=PATIENCE)
        assert process.returncode == 0, said
        return Usual(time.monotonic() - began, self.batches())

    # -- what there is

    def stale(self) -> int:
        """The stale rows that are left."""
        return int(self.one(self.every.stale))

    def contents(self) -> Contents:
        """Every row, but for the ledger's of this job's own runs."""
        found: Contents = Counter()
        for table in self.every.tables:
            query = sql.SQL("SELECT %s, t::text FROM {} AS t").format(sql.Identifier(table))
            if table == "job_runs":
                query += sql.SQL(" WHERE job = 'old'")
            found.update(self.conn.execute(query, [table]).fetchall())
        return found

    def gone(self) -> int:
        """The stale rows that were deleted, or changed."""
        return self.stale_rows - self.stale()

    def exact(self) -> None:
        """Fail unless the ledger counts the rows that are gone (or changed); remember the rest."""
        assert self.counted() == self.gone()
        self.seen.append(self.contents())

    def over(self) -> None:
        """Fail unless all is done, and the rows to keep were there whenever `exact` looked."""
        self.exact()
        kept = self.seen[-1] & self.before
        assert self.stale() == 0
        assert kept.total() == self.kept_rows
        assert all(kept <= seen for seen in self.seen)


Fight = Callable[[], AbstractContextManager[EveryArena]]
"""Makes an arena in a database of its own."""
