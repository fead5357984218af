"""What was gathered, from the first message of a batch to its second, and to the archive.

Settings of the transaction hold it, as text: no temporary table is made, which would bloat the
catalog, and nothing outlives the transaction.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from psycopg import sql

from maintcli.db.catalog.links import Link
from maintcli.db.catalog.tables import Shape
from maintcli.db.sqlstate import NOT_AS_GATHERED
from maintcli.engines.archive.writer import Section
from maintcli.engines.foreign_keys import variables as v
from maintcli.errors import ConfigError
from maintcli.runtime.cursors import Cursors

_STOP = sql.SQL("""maint_stop := maint_stop OR maint_more OR pg_catalog.cardinality(maint_r) > 0;
{exports}""")

_EXPORT = sql.SQL("PERFORM set_config({setting}, {variable}::text, true);")
_IMPORT = sql.SQL("{variable} := current_setting({setting});")

_EXACT = sql.SQL("""IF {counter} <> pg_catalog.cardinality({rows}) THEN
    RAISE EXCEPTION 'not as archived' USING ERRCODE = {state};
END IF;""")


_ROWS = sql.SQL(
    "SELECT {columns} FROM ONLY {relation} WHERE ctid = ANY (current_setting({places})::tid[])"
)

_DECLARE = sql.SQL("DECLARE {name} NO SCROLL CURSOR WITHOUT HOLD FOR {query}")


def setting(variable: sql.Composable) -> str:
    """The setting that holds a variable."""
    return "maint." + variable.as_string().strip('"').removeprefix("maint_")


class Wanted(NamedTuple):
    """A query for rows, and the section that they will be."""

    query: sql.Composable
    section: Section


class Carry(v.Names):
    """Writes both ends of it, for a cascade."""

    def leave(self) -> sql.Composable:
        """At the end of a step: stop where there is something to remove, and leave word of it."""
        exports = [
            _EXPORT.format(setting=setting(variable), variable=variable)
            for variable in self._carried()
        ]
        return _STOP.format(exports=v.joined(exports))

    def take(self) -> sql.Composable:
        """At the beginning of the second message: what the first one left."""
        return v.joined(
            _IMPORT.format(setting=setting(variable), variable=variable)
            for variable in self._carried()
        )

    def exactly(self) -> sql.Composable:
        """Raise unless all that was gathered is gone."""
        pairs = [(self.counter(oid), self.rows(oid)) for oid in self.cascade.members]
        pairs += [(self.link_counter(link), self.unlinked(link)) for link in self.cascade.unlinks]
        return v.joined(
            _EXACT.format(counter=counter, rows=rows, state=NOT_AS_GATHERED)
            for counter, rows in pairs
        )

    def _carried(self) -> list[sql.Composable]:
        roots, more = sql.Identifier("maint_r"), sql.Identifier("maint_more")
        members = [self.rows(oid) for oid in self.cascade.members]
        links = [
            variable
            for link in self.cascade.unlinks
            for variable in (self.unlinked(link), self.link_cut(link))
        ]
        return [roots, more, *members, *links]

    def wanted(self, shapes: Mapping[int, Shape]) -> list[Wanted]:
        """The queries for all rows that a batch removes, and all references that it takes."""
        members = [
            self._wanted(oid, self.rows(oid), shapes[oid].columns, key=0)
            for oid in self.cascade.members
        ]
        return members + [self._links(link, shapes[link.child]) for link in self.cascade.unlinks]

    def _links(self, link: Link, shape: Shape) -> Wanted:
        if not shape.key:
            child = str(self.cascade.relations[link.child])
            raise ConfigError(
                f"{child} has no primary key, so references that a delete takes from it"
                f" ({link.key.name}) could not be put back from an archive. Add a primary key, or"
                " sweep without --archive."
            )
        changed = tuple(name for name in link.key.set_columns if name not in shape.key)
        places = self.unlinked(link)
        return self._wanted(link.child, places, (*shape.key, *changed), key=len(shape.key))

    def _wanted(
        self, oid: int, places: sql.Composable, columns: tuple[str, ...], *, key: int
    ) -> Wanted:
        relation = self.cascade.relations[oid]
        query = _ROWS.format(
            columns=sql.SQL(", ").join(sql.Identifier(name) for name in columns),
            relation=relation.quoted,
            places=setting(places),
        )
        kind: Literal["rows", "links"] = "links" if key else "rows"
        return Wanted(
            query, Section(relation.top_schema, relation.top_table, columns, kind, [], key)
        )


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
