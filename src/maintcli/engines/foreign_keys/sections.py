"""Which rows an archive gets of a batch, and in which columns."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from psycopg import sql

from maintcli.db.links import Link
from maintcli.db.shapes import Shape
from maintcli.engines.archive.writer import Section
from maintcli.engines.foreign_keys import carry
from maintcli.engines.foreign_keys import variables as v
from maintcli.engines.foreign_keys.graph import Cascade
from maintcli.errors import ConfigError
from maintcli.runtime.cursors import Cursors

_ROWS = sql.SQL(
    "SELECT {columns} FROM ONLY {relation} WHERE ctid = ANY (current_setting({places})::tid[])"
)


_DECLARE = sql.SQL("DECLARE {name} NO SCROLL CURSOR WITHOUT HOLD FOR {query}")


class Wanted(NamedTuple):
    """A query for rows, and the section that they will be."""

    query: sql.Composable
    section: Section


def wanted(cascade: Cascade, shapes: Mapping[int, Shape]) -> list[Wanted]:
    """The queries for all rows that a batch removes, and all references that it takes."""
    members = [
        _wanted(cascade, oid, v.rows(cascade, oid), shapes[oid].columns, key=0)
        for oid in cascade.members
    ]
    return members + [_links(cascade, link, shapes[link.child]) for link in cascade.unlinks]


def declared(queries: Sequence[Wanted]) -> list[sql.Composable]:
    """The statements that make a cursor of each query."""
    return [
        _DECLARE.format(name=sql.Identifier(_name(number)), query=one.query)
        for number, one in enumerate(queries)
    ]


def filled(queries: Sequence[Wanted], cursors: Cursors) -> list[Section]:
    """The sections with their rows, which come from the server as they are asked for."""
    return [
        one.section._replace(rows=cursors.read(_name(number))) for number, one in enumerate(queries)
    ]


def _name(number: int) -> str:
    return f"maint_s{number}"


def _links(cascade: Cascade, link: Link, shape: Shape) -> Wanted:
    if not shape.key:
        child = str(cascade.relations[link.child])
        raise ConfigError(
            f"{child} has no primary key, so references that a delete takes from it"
            f" ({link.key.name}) could not be put back from an archive. Add a primary key, or sweep"
            " without --archive."
        )
    changed = tuple(name for name in link.key.set_columns if name not in shape.key)
    places = v.unlinked(cascade, link)
    return _wanted(cascade, link.child, places, (*shape.key, *changed), key=len(shape.key))


def _wanted(
    cascade: Cascade, oid: int, places: sql.Composable, columns: tuple[str, ...], *, key: int
) -> Wanted:
    relation = cascade.relations[oid]
    query = _ROWS.format(
        columns=sql.SQL(", ").join(sql.Identifier(name) for name in columns),
        relation=relation.quoted,
        places=carry.setting(places),
    )
    kind: Literal["rows", "links"] = "links" if key else "rows"
    return Wanted(query, Section(relation.top_schema, relation.top_table, columns, kind, [], key))
