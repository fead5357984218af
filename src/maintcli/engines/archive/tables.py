"""The tables that a sweep can reach: as they are, and parents before children.

A restore compares them with the tables of its own day.
"""

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from maintcli.db.catalog import links
from maintcli.db.catalog import tables as catalog
from maintcli.db.catalog.links import Referring
from maintcli.db.catalog.tables import Column, Reader


class Shape(NamedTuple):
    """A table: its columns in order, its primary key, and the tables that it refers to.

    `root` is the partitioned table that it is a part of. A manifest has neither `oid` (0 then) nor
    `refers_to`: both hold for one database only.
    """

    oid: int
    schema: str
    table: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    refers_to: frozenset[int]
    root: tuple[str, str] | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Schema and table."""
        return self.schema, self.table

    @property
    def name(self) -> str:
        """`schema.table`."""
        return f"{self.schema}.{self.table}"


Shapes = Mapping[tuple[str, str], Shape]
"""By schema and table."""


def reached(reader: Reader, oids: Iterable[int]) -> Shapes:
    """Those tables, and every table that refers to one of them, however indirectly.

    Types have their schema, since the search path of our queries has none.
    """
    found = links.referring(reader, oids)
    columns = catalog.columns(reader, (one.oid for one in found))
    shapes = (_shape(one, list(columns[one.oid].values())) for one in found)
    return {shape.key: shape for shape in shapes}


def _shape(one: Referring, columns: Sequence[Column]) -> Shape:
    return Shape(
        oid=one.oid,
        schema=one.schema,
        table=one.table,
        columns=tuple(columns),
        primary_key=catalog.shape(columns).key,
        refers_to=one.refers_to,
        root=one.root,
    )


def ranks(shapes: Shapes) -> dict[tuple[str, str], int]:
    """A rank for each table, a parent's below its children's.

    Tables that refer to each other in a circle get ranks too, in no order among themselves.
    """
    by_oid = {shape.oid: key for key, shape in shapes.items()}
    edges = {
        shape.oid: {oid for oid in shape.refers_to if oid in by_oid and oid != shape.oid}
        for shape in shapes.values()
    }
    return {by_oid[oid]: rank for rank, oid in enumerate(_sorted(edges))}


def _sorted(edges: dict[int, set[int]]) -> Iterable[int]:
    while True:
        try:
            return list(TopologicalSorter(edges).static_order())
        except CycleError as error:
            child, parent = error.args[1][1], error.args[1][0]
            edges[child].discard(parent)
