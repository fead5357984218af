"""Did you mean …, for a table that is not there."""

from typing import LiteralString

from maintcli.config.messages import closest
from maintcli.db.catalog.tables import Reader
from maintcli.db.names import Name

# What this role may look into; a database may have very many.
_TABLES: LiteralString = """
SELECT n.nspname::text, c.relname::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND has_schema_privilege(n.oid, 'USAGE')
ORDER BY n.nspname = ANY (%(path)s) DESC, c.relname, n.nspname LIMIT 2000
"""


def meant(reader: Reader, name: Name) -> str:
    """The end of a sentence about a table that is not there: what it may be a slip of the pen for.

    One of the same name in another schema comes first.
    """
    path = [name.schema] if name.schema else list(reader.schemas)
    known: dict[str, str] = {}
    for schema, table in reader.read(_TABLES, {"path": path}):
        is_found = schema in path and not name.schema
        known.setdefault(table, table if is_found else f"{schema}.{table}")
    near = name.table if name.table in known else closest(name.table, known, cutoff=0.75)
    return f"; did you mean {known[near]}?" if near is not None else "."
