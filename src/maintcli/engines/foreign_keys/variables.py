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


class Names:
    """The names of all variables, for `cascade`."""

    def __init__(self, cascade: Cascade) -> None:
        self.cascade = cascade

    def quoted(self, oid: int) -> sql.Composable:
        """The relation itself."""
        return self.cascade.relations[oid].quoted

    def rows(self, oid: int) -> sql.Composable:
        """The tid[] of a member's rows that go."""
        return sql.Identifier(f"maint_a{self.cascade.members.index(oid)}")

    def leaves(self, oid: int) -> sql.Composable:
        """The oid[] of the leaves that hold the rows of a partitioned member, one for each row."""
        return sql.Identifier(f"maint_o{self.cascade.members.index(oid)}")

    def new(self, oid: int) -> sql.Composable:
        """The tid[] of a member's rows that the last round found; in circles only."""
        return sql.Identifier(f"maint_f{self.cascade.members.index(oid)}")

    def next_new(self, oid: int) -> sql.Composable:
        """The tid[] of a member's rows that this round finds; in circles only."""
        return sql.Identifier(f"maint_g{self.cascade.members.index(oid)}")

    def kept(self, oid: int) -> sql.Composable:
        """The tid[] of a member's rows that must stay, for what refers to them stays."""
        return sql.Identifier(f"maint_b{self.cascade.members.index(oid)}")

    def cut(self, oid: int) -> sql.Composable:
        """Whether a member has more rows to go than this step takes."""
        return sql.Identifier(f"maint_cut{self.cascade.members.index(oid)}")

    def unlinked(self, link: Link) -> sql.Composable:
        """The tid[] of rows that lose a reference."""
        return sql.Identifier(f"maint_l{self.cascade.unlinks.index(link)}")

    def link_cut(self, link: Link) -> sql.Composable:
        """Whether more rows lose a reference than this step takes."""
        return sql.Identifier(f"maint_lcut{self.cascade.unlinks.index(link)}")

    def blocked_by(self, link: Link) -> sql.Composable:
        """The rows that a blocker keeps, of this step."""
        return sql.Identifier(f"maint_x{self.cascade.blockers.index(link)}")

    def declare_names(self) -> sql.Composable:
        """The declarations of all of them."""
        lines: list[sql.Composable] = []
        for oid in self.cascade.members:
            arrays = [array(oid) for array in (self.rows, self.new, self.next_new, self.kept)]
            lines += [sql.SQL("{} tid[] := '{{}}';").format(array) for array in arrays]
            lines.append(sql.SQL("{} boolean := false;").format(self.cut(oid)))
            if oid in self.cascade.partitioned:
                lines.append(sql.SQL("{} oid[];").format(self.leaves(oid)))
        for link in self.cascade.unlinks:
            lines.append(sql.SQL("{} tid[] := '{{}}';").format(self.unlinked(link)))
            lines.append(sql.SQL("{} boolean := false;").format(self.link_cut(link)))
        lines += [
            sql.SQL("{} bigint := 0;").format(self.blocked_by(link))
            for link in self.cascade.blockers
        ]
        return joined(lines)

    def any_cut(self) -> sql.Composable:
        """Whether this step takes less than all."""
        flags = [self.cut(oid) for oid in self.cascade.members]
        flags += [self.link_cut(link) for link in self.cascade.unlinks]
        return either(flags)

    def each_leaf(self, oid: int) -> sql.Composable:
        """The head of a loop over the leaves of a partitioned member, with their rows in maint_t.

        A statement for each of 730 leaves takes seconds to plan, in every batch. PostgreSQL's own
        cascade names the partitioned table, and so does ours: it finds all rows, and their leaves.
        What is done to rows by their place is done leaf by leaf, and only in leaves that have any.
        """
        return _EACH_LEAF.format(leaves=self.leaves(oid), rows=self.rows(oid))

    def counter(self, oid: int) -> sql.Composable:
        """The variable that counts a member's rows in a batch."""
        return sql.Identifier(f"maint_n{self.cascade.members.index(oid)}")

    def link_counter(self, link: Link) -> sql.Composable:
        """The variable that counts the references taken in a batch."""
        return sql.Identifier(f"maint_u{self.cascade.unlinks.index(link)}")


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


def without(places: sql.Composable, others: sql.Composable) -> sql.Composable:
    """An array's places that are not in the other."""
    each = sql.SQL("ARRAY(SELECT pg_catalog.unnest({}) EXCEPT SELECT pg_catalog.unnest({}))")
    return each.format(places, others)


def take_out(places: sql.Composable, others: sql.Composable) -> sql.Composable:
    """The statement that keeps an array's places that are not in the other."""
    return sql.SQL("{} := {};").format(places, without(places, others))


def either(conditions: Iterable[sql.Composable]) -> sql.Composable:
    """Their disjunction; false where there are none."""
    return sql.SQL(" OR ").join([sql.SQL("false"), *conditions])


def joined(lines: Iterable[sql.Composable]) -> sql.Composable:
    """Statements, one a line."""
    return sql.SQL("\n").join(lines)
