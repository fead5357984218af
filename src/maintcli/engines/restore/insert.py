"""Inserting loaded rows: all at once, and where that fails, all but those that cannot go back."""

from collections import Counter
from collections.abc import Sequence

import psycopg
from psycopg import sql

from maintcli.db.connect import Connection
from maintcli.engines.restore import onebyone, prune
from maintcli.engines.restore.load import Loaded

# One statement for all tables: PostgreSQL looks at foreign keys when it ends, so that neither the
# order of the tables matters nor a circle among them.
_ALL = sql.SQL("WITH {inserts} SELECT {counts}")

# No ON CONFLICT: it would pass over rows that are not there, for the sake of any other key.
_INSERT = sql.SQL("""INSERT INTO {table} {columns} OVERRIDING SYSTEM VALUE
SELECT {listed} FROM {temp} AS maint_r WHERE {which}""")

_EVERY = sql.SQL("true")
_ONE = sql.SQL("maint_r.ctid = maint_at")

FAILURES = (psycopg.IntegrityError, psycopg.errors.RaiseException, psycopg.DataError)
"""What the rows of one table may be refused for, and those of others not."""


class Outcome:
    """Rows of each loaded table by its place: there before, inserted, refused with reasons."""

    def __init__(self, size: int) -> None:
        self.existing = [0] * size
        self.inserted = [0] * size
        self.refused: list[Counter[str]] = [Counter() for _ in range(size)]


def insert(connection: Connection, loaded: Sequence[Loaded]) -> Outcome:
    """Insert every row that is not there yet and that PostgreSQL takes."""
    outcome = Outcome(len(loaded))
    outcome.existing = [prune.existing(connection, one) for one in loaded]
    if not loaded or _at_once(connection, loaded, outcome):
        return outcome
    for number, one in enumerate(loaded):
        outcome.existing[number] += prune.existing(connection, one)  # of a moment ago
        outcome.refused[number].update(prune.conflicts(connection, one))
    for number, reasons in prune.orphans(connection, loaded).items():
        outcome.refused[number].update(reasons)
    if _at_once(connection, loaded, outcome):
        return outcome
    outcome.inserted, refused = onebyone.run(
        connection, loaded, [_statement(one, _ONE) for one in loaded]
    )
    for number, reason in refused:
        if reason is None:
            outcome.existing[number] += 1
        else:
            outcome.refused[number][reason] += 1
    return outcome


def _statement(one: Loaded, which: sql.Composable = _EVERY) -> sql.Composable:
    """An INSERT of the rows of `one`, called maint_r, for which `which` is true."""
    return _INSERT.format(
        table=one.table.quoted,
        columns=sql.SQL("({})").format(one.listed) if one.columns else sql.SQL(""),
        listed=one.listed,
        temp=one.temp,
        which=which,
    )


def _at_once(connection: Connection, loaded: Sequence[Loaded], outcome: Outcome) -> bool:
    """Try it; False, and nothing done, where some row is refused."""
    ctes = [sql.Identifier(f"maint_n{number}") for number in range(len(loaded))]
    inserts = [
        sql.SQL("{} AS ({} RETURNING 1)").format(cte, _statement(one))
        for cte, one in zip(ctes, loaded, strict=True)
    ]
    counts = [sql.SQL("(SELECT count(*) FROM {})").format(cte) for cte in ctes]
    query = _ALL.format(inserts=sql.SQL(", ").join(inserts), counts=sql.SQL(", ").join(counts))
    try:
        with connection.transaction():
            row = connection.execute(query).fetchone()
    except FAILURES:
        return False
    outcome.inserted = [int(count) for count in row or ()]
    return True
