"""Inserting loaded rows: all at once, and where that fails, all but those that cannot go back."""

from collections import Counter
from collections.abc import Sequence

import psycopg
from psycopg import sql

from maintcli.db.connect import Connection
from maintcli.work.restore import onebyone, prune
from maintcli.work.restore.load import Loaded, there

# One statement for all tables: PostgreSQL looks at foreign keys when it ends, so that neither the
# order of the tables matters nor a circle among them.
_ALL = sql.SQL("WITH {inserts} SELECT {counts}")

_INSERT = sql.SQL("""INSERT INTO {table} {columns} OVERRIDING SYSTEM VALUE
SELECT {listed} FROM {temp} AS maint_r WHERE {which} {otherwise}""")

_NEW = sql.SQL("NOT {}")
_ONE = sql.SQL("maint_r.ctid = maint_at")

FAILURES = (psycopg.IntegrityError, psycopg.errors.RaiseException, psycopg.DataError)
"""What the rows of one table may be refused for, and those of others not."""


class Outcome:
    """Rows of each loaded table by its place: inserted; and refused, with PostgreSQL's reasons."""

    def __init__(self, size: int) -> None:
        self.inserted = [0] * size
        self.refused: list[Counter[str]] = [Counter() for _ in range(size)]


def insert(connection: Connection, loaded: Sequence[Loaded]) -> Outcome:
    """Insert every row that is not there yet and that PostgreSQL takes."""
    outcome = Outcome(len(loaded))
    if not loaded or _at_once(connection, loaded, outcome):
        return outcome
    for number, reasons in prune.orphans(connection, loaded).items():
        outcome.refused[number].update(reasons)
    if _at_once(connection, loaded, outcome):
        return outcome
    outcome.inserted, refused = onebyone.run(
        connection, loaded, [_statement(one, _ONE) for one in loaded]
    )
    for number, reason in refused:
        outcome.refused[number][reason] += 1
    return outcome


def _statement(one: Loaded, also: sql.Composable | None = None) -> sql.Composable:
    """An INSERT of the rows of `one`, called maint_r, for which `also` is true."""
    # A deferrable key rules ON CONFLICT out for the whole table.
    new = None if one.table.arbiters else _NEW.format(there(one, "maint_r", "maint_t"))
    which = [condition for condition in (new, also) if condition is not None]
    return _INSERT.format(
        table=one.table.quoted,
        columns=sql.SQL("({})").format(one.listed) if one.columns else sql.SQL(""),
        listed=one.listed,
        temp=one.temp,
        which=sql.SQL(" AND ").join(which) if which else sql.SQL("true"),
        otherwise=sql.SQL("ON CONFLICT DO NOTHING" if one.table.arbiters else ""),
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
