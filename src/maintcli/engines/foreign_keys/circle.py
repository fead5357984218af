"""SQL that follows the links of a circle to their end, in one statement.

Level by level, a chain of n rows would be n statements, each of which looks at all rows found
before. What one statement sees is one snapshot, so who wants to be sure asks again.
"""

from collections.abc import Callable, Iterable, Sequence

from psycopg import sql

from maintcli.engines.foreign_keys import variables as v
from maintcli.engines.foreign_keys.graph import Cascade

_CIRCLE = sql.SQL("""{name} (member, place) AS (
    SELECT * FROM ({start}) AS first
    UNION
    SELECT next.member, next.place
    FROM {name} AS r CROSS JOIN LATERAL ({steps}) AS next(member, place))""")

_DOWN = sql.SQL("""SELECT {to}, c.ctid FROM {parent} AS p JOIN {child} AS c ON {match}
    WHERE r.member = {of} AND p.ctid = r.place""")

# What refers to one row is looked up by the index. In one plan for the whole step the planner may
# choose to read the whole table, and does so again for each row of a chain.
_ONE_BY_ONE = sql.SQL("({} OFFSET 0)")

_UP = sql.SQL("""SELECT {of}, p.ctid FROM {parent} AS p JOIN {child} AS c ON {match}
    WHERE r.member = {to} AND c.ctid = r.place""")

_FILL = sql.SQL("""WITH RECURSIVE {circle}
SELECT {arrays} INTO {into} FROM (SELECT * FROM {name}{limit}) AS few;""")

_ARRAY = sql.SQL("coalesce(pg_catalog.array_agg(place) FILTER (WHERE member = {}), '{{}}')")

_FIRST = sql.SQL("SELECT {}, pg_catalog.unnest({})")

_ALL = sql.SQL(" UNION ALL ")


class Circle(v.Names):
    """PL/pgSQL that follows the links of a circle."""

    def fill_below(self, component: Sequence[int], limit: sql.Composable) -> sql.Composable:
        """PL/pgSQL that fills `next_new` of each member: what is in `new`, and all below it."""
        start = [_FIRST.format(_number(self.cascade, o), self.new(o)) for o in component]
        return self._fill(component, start, _DOWN, limit)

    def fill_above(
        self, component: Sequence[int], start: Iterable[sql.Composable]
    ) -> sql.Composable:
        """PL/pgSQL that fills `next_new` of each member: what `start` yields, and all above it."""
        return self._fill(component, start, _UP, sql.SQL(""))

    def first(self, oid: int, rows: sql.Composable) -> sql.Composable:
        """The rows of an array, to start from."""
        return _FIRST.format(_number(self.cascade, oid), rows)

    def _fill(
        self,
        component: Sequence[int],
        start: Iterable[sql.Composable],
        step: sql.SQL,
        limit: sql.Composable,
    ) -> sql.Composable:
        name, comma = sql.Identifier("maint_circle"), sql.SQL(", ")

        def source(oid: int) -> sql.Composable:
            return sql.SQL("ONLY {}").format(self.quoted(oid))

        return _FILL.format(
            circle=_circle(self.cascade, component, name, start, step, source),
            arrays=comma.join(_ARRAY.format(_number(self.cascade, oid)) for oid in component),
            into=comma.join(self.next_new(oid) for oid in component),
            name=name,
            limit=limit,
        )


def below(
    cascade: Cascade,
    component: Sequence[int],
    name: sql.Identifier,
    start: Iterable[sql.Composable],
    source: Callable[[int], sql.Composable],
) -> sql.Composable:
    """A common table expression of member and place: what `start` yields, and all below it.

    `source` is where the rows of a member are found.
    """
    return _circle(cascade, component, name, start, _DOWN, source)


def _circle(
    cascade: Cascade,
    component: Sequence[int],
    name: sql.Identifier,
    start: Iterable[sql.Composable],
    step: sql.SQL,
    source: Callable[[int], sql.Composable],
) -> sql.Composable:
    steps: list[sql.Composable] = []
    for link in cascade.inner(component):
        found = step.format(
            to=_number(cascade, link.child),
            of=_number(cascade, link.parent),
            parent=source(link.parent),
            child=source(link.child),
            match=v.match(link),
        )
        steps.append(_ONE_BY_ONE.format(found) if link.indexed else found)
    return _CIRCLE.format(name=name, start=_ALL.join(start), steps=_ALL.join(steps))


def _number(cascade: Cascade, oid: int) -> sql.Composable:
    return sql.Literal(cascade.members.index(oid))
