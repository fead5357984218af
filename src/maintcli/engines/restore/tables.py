"""A table that rows go back into: its keys, its foreign keys, what fires, what is allowed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from psycopg import sql

from maintcli.db import toolkit
from maintcli.db.catalog import links, relations, tables
from maintcli.db.catalog.relations import Relation
from maintcli.db.catalog.tables import Column
from maintcli.runtime.session import Session


class Key(NamedTuple):
    """A unique key of plain columns. `nulls_match`: NULLS NOT DISTINCT."""

    columns: tuple[str, ...]
    nulls_match: bool
    is_primary: bool

    @property
    def conflict(self) -> str:
        """Why a row cannot be restored: another row has its key."""
        return f"another row has its {', '.join(self.columns)}"


class ForeignKey(NamedTuple):
    """A reference of this table's `columns` to the `referenced` ones of another, or of itself."""

    name: str
    parent: int
    parent_name: sql.Identifier
    columns: tuple[Column, ...]
    referenced: tuple[Column, ...]


class Table(NamedTuple):
    """Where rows go back to, with its columns by name."""

    relation: Relation
    columns: Mapping[str, Column]
    foreign_keys: tuple[ForeignKey, ...]

    @property
    def name(self) -> str:
        """`schema.table`."""
        return str(self.relation)

    @property
    def quoted(self) -> sql.Identifier:
        """The name, quoted for a statement."""
        return self.relation.quoted

    @property
    def own(self) -> sql.Composable:
        """The table as a source of rows: its own, not those of tables that inherit from it."""
        return self.relation.source

    @property
    def is_toolkits(self) -> bool:
        """Whether it is one of maint's own tables."""
        return self.relation.comment.startswith(toolkit.MARK)

    @property
    def rules(self) -> list[str]:
        """The rules ON INSERT that act."""
        return self._acting("INSERT", rules=True)

    @property
    def on_insert(self) -> list[str]:
        """The triggers that an INSERT fires."""
        return self._acting("INSERT", rules=False)

    @property
    def on_update(self) -> list[str]:
        """The triggers that an UPDATE fires."""
        return self._acting("UPDATE", rules=False)

    def _acting(self, event: str, *, rules: bool) -> list[str]:
        acting = [one for one in self.relation.triggers if one.fires and event in one.events]
        return [one.name for one in acting if one.is_rule == rules]

    @property
    def keys(self) -> list[Key]:
        """The keys that tell rows apart."""
        return [
            Key(tuple(filter(None, one.columns)), one.nulls_match, one.is_primary)
            for one in self.relation.indexes
            if one.is_valid and one.is_unique and one.is_plain
        ]

    @property
    def more_keys(self) -> list[str]:
        """Indexes that are exclusive, or unique in part or over expressions.

        A dry run does not look at them.
        """
        valid = [one for one in self.relation.indexes if one.is_valid]
        return [
            one.name for one in valid if one.is_exclusive or (one.is_unique and not one.is_plain)
        ]

    def chosen(self, columns: Iterable[str]) -> list[Column]:
        """The columns of these names."""
        return [self.columns[name] for name in columns]

    def has_certain_key(self, columns: Sequence[str]) -> bool:
        """Whether every row of these columns can be found by a key."""
        filled = {one.name for one in self.columns.values() if not one.nullable}
        keys = self.usable_keys(columns)
        return any(key.nulls_match or set(key.columns) <= filled for key in keys)

    def usable_keys(self, columns: Sequence[str]) -> list[Key]:
        """The keys that rows of these columns can be found by."""
        return [key for key in self.keys if set(key.columns) <= set(columns)]

    def identity(self, columns: Sequence[str]) -> list[Key]:
        """The keys that identify a row of these columns: the primary key, else every key."""
        keys = self.usable_keys(columns)
        return [key for key in keys if key.is_primary] or keys


Archived = tuple[str, str]
"""Schema and table as the archive has them."""

Tables = Mapping[Archived, Table]
"""The tables of today."""


def find_tables(
    session: Session, wanted: Iterable[Archived], roots: Mapping[Archived, Archived]
) -> dict[Archived, Table]:
    """The tables of today for those of the archive; one that is gone is left out.

    `roots` are the partitioned tables of archived partitions, which stand in for dropped ones.
    """
    found = relations.roots(session, wanted)
    gone = {key: roots[key] for key in wanted if key not in found and key in roots}
    instead = relations.roots(session, gone.values())
    found |= {key: instead[root] for key, root in gone.items() if root in instead}
    described = _describe(session, set(found.values()))
    return {
        key: described[oid]
        for key, oid in found.items()
        if key not in gone or described[oid].relation.partitioned
    }


def _describe(session: Session, oids: set[int]) -> dict[int, Table]:
    references = links.references(session, oids)
    columns = tables.columns(session, {*oids, *(one.parent for one in references)})
    return {
        oid: Table(
            relation=relation,
            columns=columns[oid],
            foreign_keys=tuple(
                ForeignKey(
                    name=one.name,
                    parent=one.parent,
                    parent_name=one.parent_name,
                    columns=tuple(columns[oid][name] for name in one.columns),
                    referenced=tuple(columns[one.parent][name] for name in one.parent_columns),
                )
                for one in references
                if one.relation == oid
            ),
        )
        for oid, relation in relations.find(session, oids).items()
    }
