"""PL/pgSQL that removes what was gathered.

All of it: the roots alone are deleted, and PostgreSQL's own cascade takes the rest, in the order
and with the triggers that everybody knows. Less than all: rows below, and no root, so that none is
gone before what refers to it.
"""

from psycopg import sql

from maintcli.db.catalog.links import Link
from maintcli.db.sqlstate import NOT_AS_GATHERED
from maintcli.engines.foreign_keys import variables as v
from maintcli.engines.foreign_keys.circle import Circle
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


class Remove(Circle):
    """Roots are deleted while `predicate` holds for them."""

    def __init__(self, cascade: Cascade, predicate: sql.Composable) -> None:
        super().__init__(cascade)
        self.predicate = predicate

    def whole(self, checked: sql.Composable) -> sql.Composable:
        """Delete the roots in maint_r and all below them; `checked` follows, then the count."""
        return _WHOLE.format(
            checked=checked,
            part=self.quoted(self.cascade.part),
            predicate=self.predicate,
            surely=sql.SQL(" AND false") if self.cascade.deletes_fire else sql.SQL(""),
            tallies=v.joined(
                [
                    *(
                        _TALLY.format(counter=self.counter(oid), rows=self.rows(oid))
                        for oid in self.cascade.members
                    ),
                    *(
                        _TALLY.format(counter=self.link_counter(k), rows=self.unlinked(k))
                        for k in self.cascade.unlinks
                    ),
                ]
            ),
            recount=self._recount(),
        )

    def some(self, checked: sql.Composable) -> sql.Composable:
        """Remove what settle left in the arrays, and no root that has more below it."""
        unlinks = [self._unlink(k) for k in self.cascade.unlinks if k.key.action == "SET NULL"]
        intact = _INTACT.format(
            part=self.quoted(self.cascade.part),
            predicate=self.predicate,
            gone=self.rows(self.cascade.part),
            state=NOT_AS_GATHERED,
        )
        return _SOME.format(
            checked=checked,
            unlinks=v.joined(unlinks),
            deletes=v.joined(self._delete(oid) for oid in self.cascade.members),
            recount=self._recount(),
            intact=intact if self.cascade.deletes_fire else sql.SQL(""),
            state=NOT_AS_GATHERED,
        )

    def _recount(self) -> sql.Composable:
        return v.joined(
            [
                *(self._recount_rows(oid) for oid in self.cascade.members),
                *(
                    _RECOUNT.format(
                        rows=self.unlinked(link),
                        places=self.unlinked(link),
                        relation=self.quoted(link.child),
                        counter=self.link_counter(link),
                    )
                    for link in self.cascade.unlinks
                ),
            ]
        )

    def _recount_rows(self, oid: int) -> sql.Composable:
        if oid in self.cascade.partitioned:
            return _RECOUNT_LEAVES.format(
                rows=self.rows(oid),
                each=self.each_leaf(oid),
                counter=self.counter(oid),
            )
        relation, rows = self.quoted(oid), self.rows(oid)
        return _RECOUNT.format(
            rows=rows,
            places=_NOW.format(relation=relation.as_string(), rows=rows),
            relation=relation,
            counter=self.counter(oid),
        )

    def _unlink(self, link: Link) -> sql.Composable:
        table, columns = link.key.quoted, [sql.Identifier(name) for name in link.key.set_columns]
        return _UNLINK.format(
            cut=self.link_cut(link),
            table=table if link.key.partitioned else sql.SQL("ONLY {}").format(table),
            sets=sql.SQL(", ").join(sql.SQL("{} = NULL").format(column) for column in columns),
            columns=sql.SQL(", ").join(columns),
            child=self.quoted(link.child).as_string(),
            rows=self.unlinked(link),
            state=NOT_AS_GATHERED,
        )

    def _delete(self, oid: int) -> sql.Composable:
        if oid in self.cascade.partitioned:
            return _DELETE_LEAVES.format(rows=self.rows(oid), each=self.each_leaf(oid))
        return _DELETE.format(
            rows=self.rows(oid),
            relation=self.quoted(oid),
            check=_CHECK.format(predicate=self.predicate)
            if oid == self.cascade.part
            else sql.SQL(""),
        )

    def settle(self) -> sql.Composable:
        """Keep in the arrays what this step may remove; maint_r stays as it is."""
        return _SETTLE.format(
            links=v.either(self.link_cut(link) for link in self.cascade.unlinks),
            one_link=self._one_link(),
            no_rows=v.joined(
                sql.SQL("{} := '{{}}';").format(self.rows(oid)) for oid in self.cascade.members
            ),
            peels=v.joined(
                self._peel(one)
                for one in self.cascade.components
                if set(one) <= self.cascade.cyclic
            ),
            waits=v.joined(self._wait(oid) for oid in self.cascade.members),
            links_below=v.joined(
                _BELOW.format(
                    links=self.unlinked(link),
                    parent=self.quoted(link.parent),
                    child=self.quoted(link.child),
                    match=v.match(link),
                    above=self.rows(link.parent),
                )
                for link in self.cascade.unlinks
            ),
        )

    def _one_link(self) -> sql.Composable:
        """One link at a time: an update moves rows, and another link's places are old then."""
        lines: list[sql.Composable] = [sql.SQL("maint_u := '{}';")]
        for link in self.cascade.unlinks:
            rows, cut = self.unlinked(link), self.link_cut(link)
            lines.append(
                sql.SQL(
                    "{cut} := {cut} AND pg_catalog.cardinality(maint_u) = 0;"
                    " IF {cut} THEN maint_u := {rows}; ELSE {rows} := '{{}}'; END IF;"
                ).format(cut=cut, rows=rows)
            )
        return v.joined(lines)

    def _wait(self, oid: int) -> sql.Composable:
        """Rows wait while not all at hand that refer to them, or to what goes with them."""
        below = self.cascade.below(oid)
        mine = {oid, *below}
        others = below - (set(self.cascade.component(oid)) if oid in self.cascade.cyclic else set())
        wait = [self.cut(other) for other in others]
        if any(link.parent in mine for link in self.cascade.mutual):
            wait.append(sql.SQL("true"))  # who refers to it may be in a member that was cut short
        if oid == self.cascade.part and oid not in self.cascade.cyclic:
            wait.append(sql.SQL("true"))
        return _WAIT.format(wait=v.either(wait), rows=self.rows(oid))

    def _peel(self, component: tuple[int, ...]) -> sql.Composable:
        return _PEEL.format(
            cuts=v.either(self.cut(oid) for oid in component),
            staying=self.fill_above(
                component, [self._stays(k) for k in self.cascade.inner(component)]
            ),
            rows=v.joined(v.take_out(self.rows(oid), self.next_new(oid)) for oid in component),
        )

    def _stays(self, link: Link) -> sql.Composable:
        """Rows to which one refers that this step does not have."""
        return _STAYS.format(
            number=self.cascade.members.index(link.parent),
            parent=self.quoted(link.parent),
            rows=self.rows(link.parent),
            child=self.quoted(link.child),
            match=v.match(link),
            below=self.rows(link.child),
        )
