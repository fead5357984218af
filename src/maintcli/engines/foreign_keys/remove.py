"""PL/pgSQL that removes what was gathered.

All of it: the roots alone are deleted, and PostgreSQL's own cascade takes the rest, in the order
and with the triggers that everybody knows. Less than all: rows below, and no root, so that none is
gone before what refers to it.
"""

from psycopg import sql

from maintcli.db.links import Link
from maintcli.db.sqlstate import NOT_AS_GATHERED
from maintcli.engines.foreign_keys import partitioned
from maintcli.engines.foreign_keys import variables as v
from maintcli.engines.foreign_keys.graph import Cascade

# The predicate stands in the DELETE itself, though the rows are locked: who reads this need not
# know that, and a trigger of the user's may have changed one.
_WHOLE = sql.SQL("""DELETE FROM ONLY {part} WHERE ctid = ANY (maint_r) AND ({predicate});
GET DIAGNOSTICS maint_k = ROW_COUNT;
{checked}
IF maint_k = pg_catalog.cardinality(maint_r){surely} THEN
{tallies}
ELSE
{recount}
END IF;""")

_TALLY = sql.SQL("{counter} := {counter} + pg_catalog.cardinality({rows});")

# A trigger may update a row instead of letting it go, which puts it elsewhere: that is where to
# look for it. The row of a reference that was taken is elsewhere, too, as it should be.
_NOW = sql.SQL("""ARRAY(SELECT pg_catalog.currtid2({relation}, place)
        FROM pg_catalog.unnest({rows}) AS place)""")

_RECOUNT = sql.SQL("""IF pg_catalog.cardinality({rows}) > 0 THEN
    SELECT pg_catalog.cardinality({rows}) - count(*) INTO maint_k
    FROM ONLY {relation} WHERE ctid = ANY ({places});
    {counter} := {counter} + maint_k;
    maint_gone := maint_gone + maint_k;
END IF;""")

_SOME = sql.SQL("""maint_gone := 0;
{unlinks}
{deletes}
{checked}
{recount}
{intact}
IF maint_gone = 0 THEN
    RAISE EXCEPTION 'nothing went' USING ERRCODE = {state};
END IF;""")

_UNLINK = sql.SQL("""IF {cut} AND pg_catalog.cardinality({rows}) > 0 THEN
    WITH changed AS (
        UPDATE {table} SET {sets} WHERE tableoid = {child}::regclass::oid AND ctid = ANY ({rows})
        RETURNING pg_catalog.num_nonnulls({columns}) AS stay
    )
    SELECT count(*) INTO maint_k FROM changed WHERE stay = 0;
    IF maint_k < pg_catalog.cardinality({rows}) THEN
        RAISE EXCEPTION 'a reference stays' USING ERRCODE = {state};
    END IF;
END IF;""")

_DELETE = sql.SQL("""IF pg_catalog.cardinality({rows}) > 0 THEN
    DELETE FROM ONLY {relation} WHERE ctid = ANY ({rows}){check};
END IF;""")

_CHECK = sql.SQL(" AND (({predicate}) OR ctid <> ALL (maint_r))")

# A trigger that touches a parent when a child goes would make it fresh, without its children.
_INTACT = sql.SQL("""SELECT count(*) INTO maint_k FROM ONLY {part}
    WHERE ctid = ANY (maint_r) AND ({predicate});
IF maint_k <> pg_catalog.cardinality(ARRAY(
        SELECT pg_catalog.unnest(maint_r) EXCEPT SELECT pg_catalog.unnest({gone}))) THEN
    RAISE EXCEPTION 'a root was changed' USING ERRCODE = {state};
END IF;""")


def counter(cascade: Cascade, oid: int) -> sql.Composable:
    """The variable that counts a member's rows in a batch."""
    return sql.Identifier(f"maint_n{cascade.members.index(oid)}")


def link_counter(cascade: Cascade, link: Link) -> sql.Composable:
    """The variable that counts the references taken in a batch."""
    return sql.Identifier(f"maint_u{cascade.unlinks.index(link)}")


def whole(cascade: Cascade, predicate: sql.Composable, checked: sql.Composable) -> sql.Composable:
    """Delete the roots in maint_r and all that is below them; `checked` follows, then the count."""
    return _WHOLE.format(
        checked=checked,
        part=cascade.relations[cascade.part].quoted,
        predicate=predicate,
        surely=sql.SQL(" AND false") if cascade.deletes_fire else sql.SQL(""),
        tallies=v.joined(
            [
                *(
                    _TALLY.format(counter=counter(cascade, oid), rows=v.rows(cascade, oid))
                    for oid in cascade.members
                ),
                *(
                    _TALLY.format(counter=link_counter(cascade, k), rows=v.unlinked(cascade, k))
                    for k in cascade.unlinks
                ),
            ]
        ),
        recount=_recount(cascade),
    )


def some(cascade: Cascade, predicate: sql.Composable, checked: sql.Composable) -> sql.Composable:
    """Remove what settle.py left in the arrays, and no root that has more below it."""
    unlinks = [_unlink(cascade, k) for k in cascade.unlinks if k.key.action == "SET NULL"]
    intact = _INTACT.format(
        part=cascade.relations[cascade.part].quoted,
        predicate=predicate,
        gone=v.rows(cascade, cascade.part),
        state=NOT_AS_GATHERED,
    )
    return _SOME.format(
        checked=checked,
        unlinks=v.joined(unlinks),
        deletes=v.joined(_delete(cascade, oid, predicate) for oid in cascade.members),
        recount=_recount(cascade),
        intact=intact if cascade.deletes_fire else sql.SQL(""),
        state=NOT_AS_GATHERED,
    )


def _recount(cascade: Cascade) -> sql.Composable:
    return v.joined(
        [
            *(_recount_rows(cascade, oid) for oid in cascade.members),
            *(
                _RECOUNT.format(
                    rows=v.unlinked(cascade, link),
                    places=v.unlinked(cascade, link),
                    relation=cascade.relations[link.child].quoted,
                    counter=link_counter(cascade, link),
                )
                for link in cascade.unlinks
            ),
        ]
    )


def _recount_rows(cascade: Cascade, oid: int) -> sql.Composable:
    if oid in cascade.partitioned:
        return partitioned.recount(cascade, oid, counter(cascade, oid))
    relation, rows = cascade.relations[oid].quoted, v.rows(cascade, oid)
    return _RECOUNT.format(
        rows=rows,
        places=_NOW.format(relation=relation.as_string(), rows=rows),
        relation=relation,
        counter=counter(cascade, oid),
    )


def _unlink(cascade: Cascade, link: Link) -> sql.Composable:
    table, columns = link.key.quoted, [sql.Identifier(name) for name in link.key.set_columns]
    return _UNLINK.format(
        cut=v.link_cut(cascade, link),
        table=table if link.key.partitioned else sql.SQL("ONLY {}").format(table),
        sets=sql.SQL(", ").join(sql.SQL("{} = NULL").format(column) for column in columns),
        columns=sql.SQL(", ").join(columns),
        child=cascade.relations[link.child].quoted.as_string(),
        rows=v.unlinked(cascade, link),
        state=NOT_AS_GATHERED,
    )


def _delete(cascade: Cascade, oid: int, predicate: sql.Composable) -> sql.Composable:
    if oid in cascade.partitioned:
        return partitioned.delete(cascade, oid)
    return _DELETE.format(
        rows=v.rows(cascade, oid),
        relation=cascade.relations[oid].quoted,
        check=_CHECK.format(predicate=predicate) if oid == cascade.part else sql.SQL(""),
    )
