"""PL/pgSQL that removes what was gathered.

All of it: the roots alone are deleted, and PostgreSQL's own cascade takes the rest, in the order
and with the triggers that everybody knows. Less than all: rows below, and no root, so that none is
gone before what refers to it.
"""

from psycopg import sql

from maintcli.db.catalog.links import Link
from maintcli.db.sqlstate import NOT_AS_GATHERED
from maintcli.engines.foreign_keys import circle
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

_RECOUNT_LEAVES = sql.SQL("""IF pg_catalog.cardinality({rows}) > 0 THEN
    {each}
        EXECUTE pg_catalog.format(
            'SELECT pg_catalog.cardinality($1) - count(*) FROM ONLY %1$s WHERE ctid = ANY (ARRAY('
            'SELECT pg_catalog.currtid2(%1$L, place) FROM pg_catalog.unnest($1) AS place))',
            maint_leaf::regclass) INTO maint_k USING maint_t;
        {counter} := {counter} + maint_k;
        maint_gone := maint_gone + maint_k;
    END LOOP;
END IF;""")

_DELETE_LEAVES = sql.SQL("""IF pg_catalog.cardinality({rows}) > 0 THEN
    {each}
        EXECUTE pg_catalog.format(
            'DELETE FROM ONLY %s WHERE ctid = ANY ($1)', maint_leaf::regclass) USING maint_t;
    END LOOP;
END IF;""")

_SETTLE = sql.SQL("""IF {links} THEN
{one_link}
{no_rows}
ELSE
{peels}
{waits}
{links_below}
END IF;""")

# Of a circle cut short only those rows go to which no row refers that stays.
_PEEL = sql.SQL("""IF {cuts} THEN
{staying}
{rows}
END IF;""")

_STAYS = sql.SQL("""SELECT {number}, p.ctid FROM ONLY {parent} AS p WHERE p.ctid = ANY ({rows})
    AND EXISTS (SELECT FROM ONLY {child} AS c WHERE {match} AND c.ctid <> ALL ({below}))""")

_WAIT = sql.SQL("IF {wait} THEN {rows} := '{{}}'; END IF;")

_BELOW = sql.SQL("""IF pg_catalog.cardinality({links}) > 0 THEN
    {links} := coalesce((SELECT pg_catalog.array_agg(c.ctid)
        FROM ONLY {parent} AS p JOIN ONLY {child} AS c ON {match}
        WHERE p.ctid = ANY ({above}) AND c.ctid = ANY ({links})), '{{}}');
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
    """Remove what settle left in the arrays, and no root that has more below it."""
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
        return _RECOUNT_LEAVES.format(
            rows=v.rows(cascade, oid),
            each=v.each_leaf(cascade, oid),
            counter=counter(cascade, oid),
        )
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
        return _DELETE_LEAVES.format(rows=v.rows(cascade, oid), each=v.each_leaf(cascade, oid))
    return _DELETE.format(
        rows=v.rows(cascade, oid),
        relation=cascade.relations[oid].quoted,
        check=_CHECK.format(predicate=predicate) if oid == cascade.part else sql.SQL(""),
    )


def settle(cascade: Cascade) -> sql.Composable:
    """Keep in the arrays what this step may remove; maint_r stays as it is."""
    return _SETTLE.format(
        links=v.either(v.link_cut(cascade, link) for link in cascade.unlinks),
        one_link=_one_link(cascade),
        no_rows=v.joined(
            sql.SQL("{} := '{{}}';").format(v.rows(cascade, oid)) for oid in cascade.members
        ),
        peels=v.joined(
            _peel(cascade, one) for one in cascade.components if set(one) <= cascade.cyclic
        ),
        waits=v.joined(_wait(cascade, oid) for oid in cascade.members),
        links_below=v.joined(
            _BELOW.format(
                links=v.unlinked(cascade, link),
                parent=cascade.relations[link.parent].quoted,
                child=cascade.relations[link.child].quoted,
                match=v.match(link),
                above=v.rows(cascade, link.parent),
            )
            for link in cascade.unlinks
        ),
    )


def _one_link(cascade: Cascade) -> sql.Composable:
    """One link at a time: an update moves rows, and another link's places are old then."""
    lines: list[sql.Composable] = [sql.SQL("maint_u := '{}';")]
    for link in cascade.unlinks:
        rows, cut = v.unlinked(cascade, link), v.link_cut(cascade, link)
        lines.append(
            sql.SQL(
                "{cut} := {cut} AND pg_catalog.cardinality(maint_u) = 0;"
                " IF {cut} THEN maint_u := {rows}; ELSE {rows} := '{{}}'; END IF;"
            ).format(cut=cut, rows=rows)
        )
    return v.joined(lines)


def _wait(cascade: Cascade, oid: int) -> sql.Composable:
    """Rows wait while not all at hand that refer to them, or to what goes with them."""
    below = cascade.below(oid)
    mine = {oid, *below}
    others = below - (set(cascade.component(oid)) if oid in cascade.cyclic else set())
    wait = [v.cut(cascade, other) for other in others]
    if any(link.parent in mine for link in cascade.mutual):
        wait.append(sql.SQL("true"))  # who refers to it may be in a member that was cut short
    if oid == cascade.part and oid not in cascade.cyclic:
        wait.append(sql.SQL("true"))
    return _WAIT.format(wait=v.either(wait), rows=v.rows(cascade, oid))


def _peel(cascade: Cascade, component: tuple[int, ...]) -> sql.Composable:
    return _PEEL.format(
        cuts=v.either(v.cut(cascade, oid) for oid in component),
        staying=circle.fill_above(
            cascade, component, [_stays(cascade, k) for k in circle.inner(cascade, component)]
        ),
        rows=v.joined(
            v.take_out(v.rows(cascade, oid), v.next_new(cascade, oid)) for oid in component
        ),
    )


def _stays(cascade: Cascade, link: Link) -> sql.Composable:
    """Rows to which one refers that this step does not have."""
    return _STAYS.format(
        number=cascade.members.index(link.parent),
        parent=cascade.relations[link.parent].quoted,
        rows=v.rows(cascade, link.parent),
        child=cascade.relations[link.child].quoted,
        match=v.match(link),
        below=v.rows(cascade, link.child),
    )
