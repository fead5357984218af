"""Parents before children in a file, so that psql can put them back."""

from maintcli.engines.archive.manifest import Shape, ranks


def shape(oid: int, *refers_to: int) -> Shape:
    """A table called by its oid."""
    return Shape(oid, "s", str(oid), (), (), frozenset(refers_to))


def ordered(*shapes: Shape) -> str:
    """The tables' names by rank."""
    found = ranks({(one.schema, one.table): one for one in shapes})
    return "".join(name for _, name in sorted(found, key=found.__getitem__))


def test_a_child_comes_behind_every_parent() -> None:
    """Though it is named first, refers to itself, or to a table that is not there."""
    assert ordered(shape(3, 1, 2), shape(2, 1, 2), shape(1, 9)) == "123"


def test_a_circle_has_an_order_too() -> None:
    """What stands outside of it keeps its place."""
    found = ordered(shape(4, 3), shape(3, 2), shape(2, 3, 1), shape(1))
    assert (found[0], found[-1], sorted(found)) == ("1", "4", list("1234"))
