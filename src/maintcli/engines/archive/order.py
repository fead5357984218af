"""Parents before children, as far as their foreign keys allow."""

from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter

from maintcli.engines.archive.fingerprint import Shapes


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
