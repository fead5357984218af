"""What stands on a table: code of the user's, and names that are ours.

Code that runs where rows are compared or changed was written for the user's search path: under the
catalog's alone a trigger does not find the table it writes to, and a type of an extension not its
own `=`.
"""

from collections.abc import Iterable

from maintcli.db.tables import Reader
from maintcli.errors import ConfigError

# The catalog does not enter that something depends on a function of its own.
_STANDS = """
WITH concerned(oid) AS (
    SELECT w.oid FROM unnest(%(oids)s::oid[]) AS w(oid)
    UNION
    SELECT t.relid::oid FROM unnest(%(oids)s::oid[]) AS w(oid)
    CROSS JOIN LATERAL pg_catalog.pg_partition_tree(w.oid) AS t
)
SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger t
               WHERE t.tgrelid IN (TABLE concerned) AND NOT t.tgisinternal AND t.tgenabled <> 'D')
    OR EXISTS (SELECT FROM pg_catalog.pg_rewrite w WHERE w.ev_class IN (TABLE concerned))
    OR EXISTS (SELECT FROM pg_catalog.pg_attribute a
               JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
               LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typlen = -1
               WHERE a.attrelid IN (TABLE concerned) AND a.attnum > 0 AND NOT a.attisdropped
                 AND coalesce(e.typtype, t.typtype) IN ('b', 'd')
                 AND coalesce(e.typnamespace, t.typnamespace) <> 'pg_catalog'::regnamespace)
    OR EXISTS (SELECT FROM pg_catalog.pg_depend d
               WHERE d.refclassid = 'pg_catalog.pg_proc'::regclass AND (d.classid, d.objid) IN (
                   SELECT 'pg_catalog.pg_constraint'::regclass, k.oid
                   FROM pg_catalog.pg_constraint k WHERE k.conrelid IN (TABLE concerned)
                   UNION ALL
                   SELECT 'pg_catalog.pg_attrdef'::regclass, f.oid
                   FROM pg_catalog.pg_attrdef f WHERE f.adrelid IN (TABLE concerned)
                   UNION ALL
                   SELECT 'pg_catalog.pg_class'::regclass, x.indexrelid
                   FROM pg_catalog.pg_index x WHERE x.indrelid IN (TABLE concerned)))
"""


# Our variables are called so, and are looked for after the columns of a statement.
_RESERVED = """
SELECT a.attrelid::regclass::text, a.attname::text FROM pg_catalog.pg_attribute a
WHERE a.attrelid = ANY (%(oids)s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
  AND starts_with(a.attname::text, 'maint_') LIMIT 1
"""


def check_names(reader: Reader, oids: Iterable[int]) -> None:
    """Raise ConfigError where a column of a relation could be taken for a variable of ours."""
    for table, column in reader.read(_RESERVED, {"oids": sorted(oids)}):
        raise ConfigError(
            f"{table} has a column {column}, and names that begin with maint_ are maint's own in"
            " its SQL. Rename the column."
        )


def stands_on(reader: Reader, oids: Iterable[int]) -> bool:
    """Whether triggers, rules, types, or functions in constraints, of others than PostgreSQL."""
    ((stands,),) = reader.read(_STANDS, {"oids": sorted(oids)})
    return bool(stands)
