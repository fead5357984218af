"""Foreign keys between relations, and the relations themselves: what a DELETE can reach.

Everything is in terms of relations that hold rows themselves, since a partitioned table has no
rows: a foreign key from a partitioned table is one link for each of its leaves.
"""

from typing import NamedTuple

from psycopg import sql


class Relation(NamedTuple):
    """A relation that holds rows. `top` is the table that people know, of which it may be a leaf.

    Its rows are better put back there: the leaf may be gone by then.

    `rows` is the planner's count at the last ANALYZE, -1 before the first.
    """

    oid: int
    schema: str
    table: str
    top_schema: str
    top_table: str
    rows: float
    can_select: bool
    can_delete: bool
    can_update: bool
    hides_rows: bool
    delete_triggers: tuple[str, ...]
    update_triggers: tuple[str, ...]

    @property
    def quoted(self) -> sql.Composable:
        """The relation's name, quoted for a statement."""
        return sql.Identifier(self.schema, self.table)

    @property
    def top(self) -> str:
        """The table that people know, as reports show it."""
        return f"{self.top_schema}.{self.top_table}"

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}"


class ForeignKey(NamedTuple):
    """A foreign key: `columns` of `table` refer to `parent_columns`, compared by `operators`.

    `set_columns` are those that ON DELETE SET NULL or SET DEFAULT changes.
    """

    oid: int
    name: str
    schema: str
    table: str
    partitioned: bool
    action: str
    columns: tuple[str, ...]
    parent_columns: tuple[str, ...]
    operators: tuple[tuple[str, str], ...]
    set_columns: tuple[str, ...]

    @property
    def child(self) -> str:
        """The table whose rows refer."""
        return f"{self.schema}.{self.table}"

    @property
    def quoted(self) -> sql.Composable:
        """The name of the table whose rows refer, quoted for a statement."""
        return sql.Identifier(self.schema, self.table)


class Link(NamedTuple):
    """A foreign key between two relations; `indexed` says whether its rows are found quickly."""

    key: ForeignKey
    parent: int
    child: int
    indexed: bool


class Links(NamedTuple):
    """What can be reached: every relation by its oid, and the links between them."""

    relations: dict[int, Relation]
    links: tuple[Link, ...]
