"""Row by row, where PostgreSQL refuses some of many: slow, and rare."""

import json
from collections.abc import Sequence

from psycopg import sql

from maintcli.db.connect import Connection
from maintcli.engines.restore.load import Loaded, alike, there

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


def run(
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
    connection.execute(block(loop, connection))
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


def block(body: sql.Composable, connection: Connection) -> sql.Composed:
    """A DO block, quoted so that no name inside can end it."""
    return sql.SQL("DO {}").format(sql.Literal(body.as_string(connection)))
