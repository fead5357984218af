"""Which columns of a relation can be written, and which find a row again: what an archive asks."""

from collections.abc import Sequence
from typing import NamedTuple

from maintcli.db.catalog.tables import Reader


class Shape(NamedTuple):
    """The columns of a relation whose values can be written, and those that find one row again."""

    columns: tuple[str, ...]
    key: tuple[str, ...]


_SHAPES = """
SELECT c.oid::bigint,
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
               AND a.attgenerated = '' ORDER BY a.attnum),
       coalesce((SELECT array_agg(a.attname::text ORDER BY u.place)
                 FROM pg_catalog.pg_index x
                 CROSS JOIN unnest(x.indkey::int2[]) WITH ORDINALITY u(number, place)
                 JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.number
                 WHERE x.indrelid = c.oid AND x.indisprimary AND u.place <= x.indnkeyatts), '{}')
FROM pg_catalog.pg_class c WHERE c.oid = ANY (%s::oid[])
"""


def shapes(reader: Reader, oids: Sequence[int]) -> dict[int, Shape]:
    """The shapes of relations, by oid."""
    rows = reader.read(_SHAPES, [list(oids)])
    return {oid: Shape(tuple(columns), tuple(key)) for oid, columns, key in rows}
