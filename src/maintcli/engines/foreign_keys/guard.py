"""Rows that go along foreign keys, for guards and plans: they count like stale rows themselves."""

from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from psycopg import sql

from maintcli.db import sqlstate
from maintcli.db.catalog.links import Links
from maintcli.db.catalog.relations import Relation
from maintcli.engines.base import count
from maintcli.engines.base.guard import Counter, Expected, Loss
from maintcli.engines.base.target import Root
from maintcli.engines.foreign_keys import show
from maintcli.engines.foreign_keys.show import in_turn
from maintcli.runtime.context import Context

Query = Callable[[int | None], sql.Composable]

_ROWS = sql.SQL("SELECT count(*) FROM ({all}{limit}) AS few")
_EACH = sql.SQL("SELECT FROM ONLY {}")


def losses(context: Context, roots: Sequence[Root]) -> list[Loss]:
    """The tables that lose rows beside the stale ones; each row once, whatever it refers to.

    A row that others keep today may go once they are gone, so it counts, with all below it. A part
    of --shard is a share of one deed, and asks for the whole.
    """
    going: defaultdict[str, list[Counter]] = defaultdict(list)
    relations: dict[int, Relation] = {}
    stale = _stale(roots)
    only = [root._replace(links=_cascading(root.links)) for root in roots if root.links]
    for reach in (one for some in in_turn(context, only, whole=True) for one in some):
        cascade = reach.cascade
        relations |= cascade.relations
        below: defaultdict[str, list[int]] = defaultdict(list)
        for oid in cascade.members:
            if oid != cascade.part or oid in cascade.cyclic:
                below[cascade.relations[oid].top].append(oid)
        for table, oids in below.items():
            going[table].append(partial(_counted, context, partial(reach.going, oids, stale=stale)))
    return [
        _loss(context, table, counters, [r for r in relations.values() if r.top == table])
        for table, counters in going.items()
    ]


def expected(context: Context, roots: Sequence[Root], own: Sequence[Callable[[], int]]) -> Expected:
    """How many rows go of each table; each of `own` counts the stale rows of one of `roots`."""
    tables, complete = Tally[str](), True
    for root, count_own, reached in zip(roots, own, in_turn(context, roots), strict=True):
        with sqlstate.about(root.target.title):
            stale, table = count_own(), str(root.target.table)
            if not reached:
                tables.update({table: stale})
                continue
            below = show.count_below(context, reached, stale)
            complete &= below.own is not None and all(one.rows is not None for one in below.listed)
            tables.update(below.tables(table))
    return Expected(tables, complete)


def _cascading(links: Links) -> Links:
    return links._replace(links=tuple(one for one in links.links if one.key.action == "CASCADE"))


def _stale(roots: Sequence[Root]) -> Mapping[int, sql.Composable]:
    """By relation what makes a row stale, by any of its rules: those rows are counted already."""
    found: defaultdict[int, list[sql.Composable]] = defaultdict(list)
    for target, _ in roots:
        for part in target.table.parts:
            found[part.oid].append(sql.SQL("({}\n)").format(target.predicate))
    return {oid: sql.SQL(" OR ").join(rules) for oid, rules in found.items()}


def _loss(
    context: Context, table: str, going: Sequence[Counter], relations: Sequence[Relation]
) -> Loss:
    unknown = [relation for relation in relations if relation.rows < 0]  # not yet analysed
    about = sum(int(relation.rows) for relation in relations if relation not in unknown)
    if unknown:
        about += _counted(context, partial(_rows, unknown))
    rows = partial(_counted, context, partial(_rows, relations))
    return Loss(table, "rows that refer to old rows and would go with them", going, rows, about)


def _counted(
    context: Context,
    query: Query,
    most: int | None = None,
    seconds: float | None = None,
) -> int:
    return count.exactly(context, query(most), seconds)


def _rows(relations: Sequence[Relation], most: int | None) -> sql.Composable:
    limit = sql.SQL(" LIMIT {}").format(most) if most is not None else sql.SQL("")
    every = sql.SQL(" UNION ALL ").join([_EACH.format(one.quoted) for one in relations])
    return _ROWS.format(all=every, limit=limit)
