"""Foreign keys between relations, and the relations themselves: what a DELETE can reach.

Everything is in terms of relations that hold rows themselves, since a partitioned table has no
rows: a foreign key from a partitioned table is one link for each of its leaves.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from psycopg import sql

_NOT_VALID = " NOT VALID"
_ACTION = re.compile(" ON DELETE (RESTRICT|NO ACTION)")
_BEHIND_ACTIONS = re.compile(" (NOT )?DEFERRABLE| INITIALLY | NOT VALID|$")


class Relation(NamedTuple):
    """A relation that holds rows. `top` is the table that people know, of which it may be a leaf.

    Its rows are better put back there: the leaf may be gone by then.

    `rows` is the planner's count at the last ANALYZE, -1 before the first. One that is
    `partitioned` has its rows in its leaves.
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
    partitioned: bool = False

    @property
    def quoted(self) -> sql.Composable:
        """The relation's name, quoted for a statement."""
        return sql.Identifier(self.schema, self.table)

    @property
    def source(self) -> sql.Composable:
        """What a statement names to get at its own rows, or at those of its leaves."""
        return self.quoted if self.partitioned else sql.SQL("ONLY {}").format(self.quoted)

    @property
    def top(self) -> str:
        """The table that people know, as reports show it."""
        return f"{self.top_schema}.{self.top_table}"

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}"


class ForeignKey(NamedTuple):
    """A foreign key: `columns` of `table` refer to `parent_columns`, compared by `operators`.

    `relation` is the oid of `table`.

    `set_columns` are those that ON DELETE SET NULL or SET DEFAULT changes. `definition` is the
    constraint as SQL, of one that forbids a delete and could have ON DELETE CASCADE.
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
    definition: str | None
    relation: int

    @property
    def child(self) -> str:
        """The table whose rows refer."""
        return f"{self.schema}.{self.table}"

    @property
    def quoted(self) -> sql.Composable:
        """The name of the table whose rows refer, quoted for a statement."""
        return sql.Identifier(self.schema, self.table)

    @property
    def cascading(self) -> tuple[str, ...]:
        """The statements that have rows go with those they refer to.

        The rows are looked at by a VALIDATE of its own, which holds up no one who writes.
        """
        if self.definition is None:
            return ()
        head, bracket, actions = self.definition.rpartition(")")
        actions = _ACTION.sub("", actions)
        place = _BEHIND_ACTIONS.search(actions)
        at = place.start() if place else len(actions)
        definition = f"{head}{bracket}{actions[:at]} ON DELETE CASCADE{actions[at:]}"
        table, name = self.quoted.as_string(), sql.Identifier(self.name).as_string()
        change = f"ALTER TABLE {table} DROP CONSTRAINT {name}, ADD CONSTRAINT {name} {definition}"
        if self.partitioned or actions.endswith(_NOT_VALID):
            return (f"{change};",)
        return f"{change}{_NOT_VALID};", f"ALTER TABLE {table} VALIDATE CONSTRAINT {name};"

    @property
    def create_index(self) -> str:
        """The statement that makes an index to the rows that refer."""
        columns = ", ".join(sql.Identifier(name).as_string() for name in self.columns)
        how = "" if self.partitioned else "CONCURRENTLY "
        return f"CREATE INDEX {how}ON {self.quoted.as_string()} ({columns});"


class Link(NamedTuple):
    """A foreign key between two relations; `indexed` says whether its rows are found quickly."""

    key: ForeignKey
    parent: int
    child: int
    indexed: bool

    @property
    def remedy(self) -> tuple[str, ...]:
        """The statements that let rows go which the child's rows keep, the index first."""
        cascading = self.key.cascading
        return cascading if self.indexed or not cascading else (self.key.create_index, *cascading)


class Links(NamedTuple):
    """What can be reached: every relation by its oid, and the links between them.

    `roots` are the partitioned tables whose leaves refer by a key of the whole.
    """

    relations: Mapping[int, Relation]
    links: tuple[Link, ...]
    roots: Mapping[int, Relation]
