"""How the PL/pgSQL of a closure calls things, and what all of it is written with."""

from collections.abc import Iterable

from psycopg import sql

from maintcli.db.catalog.links import Link
from maintcli.engines.foreign_keys.graph import Cascade

LOCKED = sql.SQL("""ARRAY(
            SELECT pg_catalog.unnest(maint_t) EXCEPT SELECT pg_catalog.unnest(maint_u))""")
"""Those rows of maint_t that others hold locked: maint_u are the others."""

_EACH_LEAF = sql.SQL("""FOR maint_leaf, maint_t IN
        SELECT found.leaf, pg_catalog.array_agg(found.place)
        FROM ROWS FROM (pg_catalog.unnest({leaves}), pg_catalog.unnest({rows}))
            AS found (leaf, place) GROUP BY found.leaf
    LOOP""")

LIMIT = 2_000  # rows of a relation that one step takes, where children may go before parents


def rows(cascade: Cascade, oid: int) -> sql.Composable:
    """The tid[] of a member's rows that go."""
    return _name("maint_a", cascade.members.index(oid))


def leaves(cascade: Cascade, oid: int) -> sql.Composable:
    """The oid[] of the leaves in which the rows of a partitioned member are, one for each row."""
    return _name("maint_o", cascade.members.index(oid))


def new(cascade: Cascade, oid: int) -> sql.Composable:
    """The tid[] of a member's rows that the last round found; in circles only."""
    return _name("maint_f", cascade.members.index(oid))


def next_new(cascade: Cascade, oid: int) -> sql.Composable:
    """The tid[] of a member's rows that this round finds; in circles only."""
    return _name("maint_g", cascade.members.index(oid))


def kept(cascade: Cascade, oid: int) -> sql.Composable:
    """The tid[] of a member's rows that must stay, for what refers to them stays."""
    return _name("maint_b", cascade.members.index(oid))


def cut(cascade: Cascade, oid: int) -> sql.Composable:
    """Whether a member has more rows to go than this step takes."""
    return _name("maint_cut", cascade.members.index(oid))


def unlinked(cascade: Cascade, link: Link) -> sql.Composable:
    """The tid[] of rows that lose a reference."""
    return _name("maint_l", cascade.unlinks.index(link))


def link_cut(cascade: Cascade, link: Link) -> sql.Composable:
    """Whether more rows lose a reference than this step takes."""
    return _name("maint_lcut", cascade.unlinks.index(link))


def blocked_by(cascade: Cascade, link: Link) -> sql.Composable:
    """The rows that a blocker keeps, of this step."""
    return _name("maint_x", cascade.blockers.index(link))


def match(link: Link, parent_row: str = "p", row: str = "c") -> sql.Composable:
    """That `row` refers to `parent_row`, as the foreign key itself compares them."""
    key = link.key
    return sql.SQL(" AND ").join(
        sql.SQL("{} OPERATOR({}.{}) {}").format(
            sql.Identifier(parent_row, parent),
            sql.Identifier(space),
            sql.SQL(operator),  # pyright: ignore[reportArgumentType]  a symbol from the catalog
            sql.Identifier(row, column),
        )
        for parent, column, (space, operator) in zip(
            key.parent_columns, key.columns, key.operators, strict=True
        )
    )


def declare(cascade: Cascade) -> sql.Composable:
    """The declarations of all of them."""
    lines: list[sql.Composable] = []
    for oid in cascade.members:
        arrays = [array(cascade, oid) for array in (rows, new, next_new, kept)]
        lines += [sql.SQL("{} tid[] := '{{}}';").format(array) for array in arrays]
        lines.append(sql.SQL("{} boolean := false;").format(cut(cascade, oid)))
        if oid in cascade.partitioned:
            lines.append(sql.SQL("{} oid[];").format(leaves(cascade, oid)))
    for link in cascade.unlinks:
        lines.append(sql.SQL("{} tid[] := '{{}}';").format(unlinked(cascade, link)))
        lines.append(sql.SQL("{} boolean := false;").format(link_cut(cascade, link)))
    lines += [
        sql.SQL("{} bigint := 0;").format(blocked_by(cascade, link)) for link in cascade.blockers
    ]
    return joined(lines)


def any_cut(cascade: Cascade) -> sql.Composable:
    """Whether this step takes less than all."""
    flags = [cut(cascade, oid) for oid in cascade.members]
    flags += [link_cut(cascade, link) for link in cascade.unlinks]
    return either(flags)


def without(places: sql.Composable, others: sql.Composable) -> sql.Composable:
    """An array's places that are not in the other."""
    each = sql.SQL("ARRAY(SELECT pg_catalog.unnest({}) EXCEPT SELECT pg_catalog.unnest({}))")
    return each.format(places, others)


def take_out(places: sql.Composable, others: sql.Composable) -> sql.Composable:
    """The statement that keeps an array's places that are not in the other."""
    return sql.SQL("{} := {};").format(places, without(places, others))


def each_leaf(cascade: Cascade, oid: int) -> sql.Composable:
    """The head of a loop over the leaves of a partitioned member, with their rows in maint_t.

    A statement for each of 730 leaves takes seconds to plan, in every batch. PostgreSQL's own
    cascade names the partitioned table, and so does ours: it finds all rows, and their leaves. What
    is done to rows by their place is done leaf by leaf, and only in leaves that have any.
    """
    return _EACH_LEAF.format(leaves=leaves(cascade, oid), rows=rows(cascade, oid))


def either(conditions: Iterable[sql.Composable]) -> sql.Composable:
    """Their disjunction; false where there are none."""
    return sql.SQL(" OR ").join([sql.SQL("false"), *conditions])


def joined(lines: Iterable[sql.Composable]) -> sql.Composable:
    """Statements, one a line."""
    return sql.SQL("\n").join(lines)


def _name(prefix: str, number: int) -> sql.Composable:
    return sql.Identifier(f"{prefix}{number}")
