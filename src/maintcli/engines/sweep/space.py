"""What a sweep does to a table's size: room made inside it, and bytes given back to the system."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import psycopg
from psycopg import sql

from maintcli.engines.sweep.result import Swept
from maintcli.engines.sweep.task import Task
from maintcli.runtime.context import Context

_SECONDS = 1.0
_ROW_OVERHEAD = 28  # 24 bytes of header and a line pointer of 4
_ALIGNMENT = 8


class Freed(NamedTuple):
    """Bytes; None where nobody can say.

    `reusable` is an estimate of what the deleted rows took, values that are stored out of line
    (TOAST) included, which new rows can take after the next vacuum. `returned` is by how much the
    files shrank, indexes and dropped partitions included.
    """

    reusable: int | None
    returned: int | None


# A part that is gone has no size. The widest of the parts stands for all: the others may lack
# statistics.
_AFTER = sql.SQL("""
SELECT coalesce(sum(pg_catalog.pg_total_relation_size(part)), 0)::bigint,
       coalesce(sum(pg_catalog.pg_relation_size(part)), 0)::bigint,
       (SELECT coalesce(sum(pg_catalog.pg_relation_size(nullif(c.reltoastrelid, 0))), 0)
        FROM pg_catalog.pg_class c WHERE c.oid = ANY ({parts}::oid[]))::bigint,
       (SELECT max(width) FROM (
            SELECT sum(s.avg_width * (1 - s.null_frac)) AS width
            FROM pg_catalog.pg_class c
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            JOIN pg_catalog.pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname
            WHERE c.oid = ANY ({parts}::oid[]) AND NOT s.inherited GROUP BY c.oid) widths)::float8
FROM unnest({parts}::oid[]) part
""")


class Room(NamedTuple):
    """A table: its relations that hold rows, how many of those were deleted one by one, and about
    all that it held before (None: unknown). `bytes_before` is None for one that only lost children.
    """

    oids: Sequence[int]
    deleted: int
    rows: int | None
    bytes_before: int | None = None


def tables(
    tasks: Sequence[Task],
    swept: Sequence[Swept],
    deleted: Mapping[str, int],
    cascaded: Mapping[str, int],
) -> list[Room]:
    """The tables of a sweep, then those that lost rows with them; both counts are by name."""
    found: list[Room] = []
    for task, result in zip(tasks, swept, strict=True):
        table, left = task.target.table, result.remaining_count
        gone = deleted.get(str(table), 0)
        rows = left + gone if left is not None else _planned(part.rows for part in table.parts)
        before = sum(part.total_bytes for part in table.parts)
        found.append(Room([part.oid for part in table.parts], gone, rows, before))
    known = {r.oid: r for task in tasks if task.links for r in task.links.relations.values()}
    for name, gone in cascaded.items():
        parts = [relation for relation in known.values() if relation.top == name]
        rows = _planned(part.rows for part in parts)
        found.append(Room([part.oid for part in parts], gone, rows))
    return found


def _planned(figures: Iterable[float]) -> int | None:
    """The planner's count of several relations; None where one was never analysed."""
    rows = list(figures)
    return int(sum(rows)) if min(rows, default=0) >= 0 else None


def freed(context: Context, rooms: Sequence[Room]) -> Freed:
    """What a sweep did to the size of all its tables."""
    try:
        sizes = [_of(context, room) for room in rooms]
    except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable):
        context.stop.check()
        return Freed(None, None)  # others have the table to themselves
    made = [size.reusable for size in sizes if size.reusable is not None]
    whole = sum(made) if len(made) == len(sizes) else None
    return Freed(whole, sum(size.returned or 0 for size in sizes))


def _of(context: Context, room: Room) -> Freed:
    query = _AFTER.format(parts=list(room.oids))
    ((total, heap, toast, width),) = context.session.read_composed(
        query, statement_seconds=_SECONDS, ours=True
    )
    returned = max(0, room.bytes_before - total) if room.bytes_before is not None else 0
    if width is not None:
        row = -(-(width + _ROW_OVERHEAD) // _ALIGNMENT) * _ALIGNMENT
    elif room.rows is not None:  # never analysed
        row = heap / max(1, room.rows)
    else:
        return Freed(None, returned)
    out_of_line = toast / room.rows if room.rows else 0.0  # TOAST has no statistics of its own
    reusable = min(room.deleted * row, heap) + min(room.deleted * out_of_line, toast)
    return Freed(round(reusable), returned)
