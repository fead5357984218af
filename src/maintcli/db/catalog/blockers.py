"""Who locks a table as a whole, so that a run cannot read it or change its rows."""

from collections.abc import Sequence
from typing import NamedTuple

from maintcli.db.catalog.tables import Reader
from maintcli.db.names import Name

# A sweep meets the tables that it names, their partitions, and those that refer to them. Modes that
# are compatible with ROW EXCLUSIVE do not block. A session that waits for ACCESS EXCLUSIVE does:
# requests queue up behind it.
_BLOCKER = """
WITH RECURSIVE ours(oid) AS (
    SELECT found.oid FROM (
        SELECT DISTINCT ON (named.number) c.oid
        FROM unnest(%(schemas)s::text[], %(tables)s::text[])
             WITH ORDINALITY AS named(schema, name, number)
        JOIN pg_catalog.pg_class c ON c.relname = named.name
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = named.schema
           OR named.schema IS NULL AND n.nspname = ANY (%(path)s::text[])
        ORDER BY named.number, array_position(%(path)s::text[], n.nspname::text)) found
    UNION
    SELECT next.oid FROM ours CROSS JOIN LATERAL (
        SELECT i.inhrelid AS oid FROM pg_catalog.pg_inherits i WHERE i.inhparent = ours.oid
        UNION ALL
        SELECT k.conrelid FROM pg_catalog.pg_constraint k
        WHERE k.contype = 'f' AND k.confrelid = ours.oid) AS next
), strength(mode, rank) AS (
    VALUES ('AccessExclusiveLock', 1), ('ExclusiveLock', 2), ('ShareRowExclusiveLock', 3),
           ('ShareLock', 4)
)
SELECT format('%%s.%%s', n.nspname, c.relname), l.pid,
       coalesce(nullif(a.application_name, ''), a.usename::text, a.backend_type),
       extract(epoch FROM clock_timestamp() - a.xact_start)::float8,
       CASE WHEN NOT l.granted THEN (pg_blocking_pids(l.pid))[1] END
FROM pg_catalog.pg_locks l
JOIN ours ON ours.oid = l.relation
JOIN strength ON strength.mode = l.mode
JOIN pg_catalog.pg_class c ON c.oid = l.relation
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'relation' AND l.pid IS DISTINCT FROM pg_backend_pid()
  AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d
                    WHERE d.datname = current_database())
  AND (l.granted OR strength.rank = 1)
ORDER BY l.granted DESC, strength.rank, a.xact_start LIMIT 1
"""


class Blocker(NamedTuple):
    """A session that locks `table`, for `seconds` in its transaction so far.

    `pid` is None for a prepared transaction. `seconds` is None where this role may not see it.
    `behind` is the pid of the session that this one waits for.
    """

    table: str
    pid: int | None
    name: str | None
    seconds: float | None
    behind: int | None


def find(reader: Reader, names: Sequence[Name]) -> Blocker | None:
    """The session that locks one of the tables called `names`, or one that a sweep of them meets.

    None where there is none any more.
    """
    values = {
        "schemas": [name.schema for name in names],
        "tables": [name.table for name in names],
        "path": list(reader.schemas),
    }
    found = reader.read(_BLOCKER, values)
    return Blocker(*found[0]) if found else None
