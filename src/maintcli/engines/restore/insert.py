"""Inserting loaded rows: all at once; if that fails, every row that PostgreSQL accepts."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import psycopg
from psycopg import sql

from maintcli.db.connect import Connection
from maintcli.engines.restore.load import Loaded, alike, equal, taken, there
from maintcli.engines.restore.tables import ForeignKey

# One statement for all tables: PostgreSQL looks at foreign keys when it ends, so that neither the
# order of the tables matters nor a circle among them.
_ALL = sql.SQL("WITH {inserts} SELECT {counts}")

# No ON CONFLICT: it would pass over rows that are not there, for the sake of any other key.
_INSERT = sql.SQL("""INSERT INTO {table} {columns} OVERRIDING SYSTEM VALUE
SELECT {listed} FROM {temp} AS maint_r WHERE {which}""")

_EVERY = sql.SQL("true")
ONE = sql.SQL("maint_r.ctid = maint_at")
"""The row that `one_by_one` is at."""

FAILURES = (psycopg.IntegrityError, psycopg.errors.RaiseException, psycopg.DataError)
"""Errors that concern the rows of one table, so that others are still restored."""

_DELETE = sql.SQL("DELETE FROM {temp} AS maint_r WHERE {which}")
_ORPHANS = sql.SQL("""DELETE FROM {temp} AS maint_r
WHERE {filled} AND NOT EXISTS (SELECT FROM {parent} AS maint_p WHERE {match}){nor}""")

_NOR = sql.SQL(" AND NOT EXISTS (SELECT FROM {temp} AS maint_p WHERE {match})")
# Again and again while a pass gets further: a child may have come before its parent.
_LOOP = sql.SQL("""DECLARE
    maint_done bigint[] := pg_catalog.array_fill(0::bigint, ARRAY[{size}]);
    maint_why jsonb;
    maint_at tid;
    maint_n bigint;
    maint_moved boolean;
BEGIN
LOOP
    maint_moved := false;
    maint_why := '[]';
    {tables}
    EXIT WHEN NOT maint_moved;
END LOOP;
PERFORM set_config('maint.result',
    pg_catalog.jsonb_build_array(pg_catalog.to_jsonb(maint_done), maint_why)::text, true);
END""")

_TABLE = sql.SQL("""FOR maint_at IN SELECT ctid FROM {temp} LOOP
    BEGIN
        {statement};
        GET DIAGNOSTICS maint_n = ROW_COUNT;
        DELETE FROM {temp} WHERE ctid = maint_at;
        maint_done[{place}] := maint_done[{place}] + maint_n;
        maint_moved := true;
    EXCEPTION WHEN unique_violation OR exclusion_violation THEN
        maint_why := maint_why || pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_array({place},
            CASE WHEN NOT {there} THEN SQLERRM END));
    WHEN integrity_constraint_violation OR raise_exception OR data_exception THEN
        maint_why := maint_why || pg_catalog.jsonb_build_array(
            pg_catalog.jsonb_build_array({place}, SQLERRM));
    END;
    END LOOP;""")

_THERE = sql.SQL("""EXISTS (SELECT FROM {temp} AS maint_r
            WHERE ctid = maint_at AND ({there} OR NOT coalesce({keyed}, false) AND {alike}))""")


class Outcome:
    """Per loaded table, by index: rows that existed, were inserted, or were refused, by reason."""

    def __init__(self, size: int) -> None:
        self.existing = [0] * size
        self.inserted = [0] * size
        self.refused: list[Counter[str]] = [Counter() for _ in range(size)]


def insert(connection: Connection, loaded: Sequence[Loaded]) -> Outcome:
    """Insert every row that does not exist yet and that PostgreSQL accepts."""
    outcome = Outcome(len(loaded))
    outcome.existing = [delete_existing(connection, one) for one in loaded]
    if not loaded or _at_once(connection, loaded, outcome):
        return outcome
    for number, one in enumerate(loaded):
        outcome.existing[number] += delete_existing(connection, one)  # of a moment ago
        outcome.refused[number].update(_delete_conflicts(connection, one))
    for number, reasons in _delete_orphans(connection, loaded).items():
        outcome.refused[number].update(reasons)
    if _at_once(connection, loaded, outcome):
        return outcome
    outcome.inserted, refused = one_by_one(
        connection, loaded, [_statement(one, ONE) for one in loaded]
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
    """Insert all rows in one statement; False, and nothing is done, if one is refused."""
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


def delete_existing(connection: Connection, one: Loaded) -> int:
    """Delete the loaded rows that exist in the table already; return how many."""
    if not one.table.identity(one.columns):
        return 0
    which = there(one, "maint_r", "maint_t")
    return connection.execute(_DELETE.format(temp=one.temp, which=which)).rowcount


def _delete_conflicts(connection: Connection, one: Loaded) -> Counter[str]:
    """Delete the loaded rows that share a key with another row; return how many, by reason."""
    found: Counter[str] = Counter()
    for key in one.table.usable_keys(one.columns):
        which = taken(one, key, "maint_r", "maint_t")
        count = connection.execute(_DELETE.format(temp=one.temp, which=which)).rowcount
        found[key.conflict] += count
    return +found


def _delete_orphans(connection: Connection, loaded: Sequence[Loaded]) -> Mapping[int, Counter[str]]:
    """Delete the loaded rows whose parent is gone, and their children; count by table and reason.

    The parent is neither in its table nor among the loaded rows.
    """
    found: defaultdict[int, Counter[str]] = defaultdict(Counter)
    while True:
        deleted = 0
        for number, one in enumerate(loaded):
            for reference in one.table.foreign_keys:
                count = _delete_orphans_of(connection, one, reference, loaded)
                if count:
                    found[number][f"its parent is gone ({reference.name})"] += count
                    deleted += count
        if not deleted:
            return found


def _delete_orphans_of(
    connection: Connection, one: Loaded, reference: ForeignKey, loaded: Sequence[Loaded]
) -> int:
    if not {column.name for column in reference.columns} <= set(one.columns):
        return 0
    match = equal("maint_p", reference.referenced, "maint_r", reference.columns)
    coming = [
        _NOR.format(temp=parent.temp, match=match)
        for parent in loaded
        if parent.table.relation.oid == reference.parent
        and {column.name for column in reference.referenced} <= set(parent.columns)
    ]
    row = sql.Identifier("maint_r")
    filled = [sql.SQL("{} IS NOT NULL").format(c.value(row)) for c in reference.columns]
    statement = _ORPHANS.format(
        temp=one.temp,
        filled=sql.SQL(" AND ").join(filled),
        parent=reference.parent_name,
        match=match,
        nor=sql.SQL("").join(coming),
    )
    return connection.execute(statement).rowcount


def one_by_one(
    connection: Connection, loaded: Sequence[Loaded], each: Sequence[sql.Composable]
) -> tuple[list[int], list[tuple[int, str | None]]]:
    """Run each statement for every row, at ctid maint_at, of its table.

    Returns the rows that it changed, table by table, and place and reason of each row refused:
    None where the very row has come to be there meanwhile.
    """
    tables = [
        _TABLE.format(temp=one.temp, statement=statement, place=number, there=_there(one))
        for number, (one, statement) in enumerate(zip(loaded, each, strict=True), start=1)
    ]
    loop = _LOOP.format(size=len(loaded), tables=sql.SQL("\n").join(tables))
    connection.execute(do_block(loop, connection))
    row = connection.execute("SELECT current_setting('maint.result')").fetchone()
    done, why = json.loads(row[0] if row else "[[], []]")
    return done, [(place - 1, reason) for place, reason in why]


def _there(one: Loaded) -> sql.Composable:
    if one.key:  # a link: its row is there in any case
        return sql.SQL("false")
    return _THERE.format(
        temp=one.temp,
        there=there(one, "maint_r", "maint_t"),
        keyed=one.keyed,
        alike=alike(one, "maint_r", "maint_t"),
    )


def do_block(body: sql.Composable, connection: Connection) -> sql.Composed:
    """A DO block, quoted so that no name inside can end it."""
    return sql.SQL("DO {}").format(sql.Literal(body.as_string(connection)))
