"""PL/pgSQL that says what may go when there is more below the roots than one step takes.

No row goes before one that refers to it, so that what is left at any moment is what some rows were
that had fewer below them. What must wait is taken out of its array.
"""

from psycopg import sql

from maintcli.db.links import Link
from maintcli.engines.foreign_keys import circle
from maintcli.engines.foreign_keys import variables as v
from maintcli.engines.foreign_keys.graph import Cascade

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

_GO = sql.SQL(
    "{rows} := ARRAY(SELECT pg_catalog.unnest({rows}) EXCEPT SELECT pg_catalog.unnest({staying}));"
)

_WAIT = sql.SQL("IF {wait} THEN {rows} := '{{}}'; END IF;")

_BELOW = sql.SQL("""IF pg_catalog.cardinality({links}) > 0 THEN
    {links} := coalesce((SELECT pg_catalog.array_agg(c.ctid)
        FROM ONLY {parent} AS p JOIN ONLY {child} AS c ON {match}
        WHERE p.ctid = ANY ({above}) AND c.ctid = ANY ({links})), '{{}}');
END IF;""")


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
            _GO.format(rows=v.rows(cascade, oid), staying=v.next_new(cascade, oid))
            for oid in component
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
