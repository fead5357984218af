"""The triggers and rules of a table that can keep a row from being deleted, or put it back."""

from maintcli.db.tables import Table
from maintcli.runtime.context import Context

_KEEPERS = """
SELECT DISTINCT name FROM (
    SELECT 'trigger ' || t.tgname, t.tgtype & 2 = 0 FROM pg_catalog.pg_trigger AS t
    WHERE t.tgrelid = ANY (%(oids)s::oid[]) AND NOT t.tgisinternal AND t.tgenabled <> 'D'
      AND t.tgtype & 8 <> 0 AND t.tgtype & 1 <> 0
    UNION ALL
    SELECT 'rule ' || r.rulename, false FROM pg_catalog.pg_rewrite AS r
    WHERE r.ev_class = ANY (%(oids)s::oid[]) AND r.ev_type = '4' AND r.ev_enabled <> 'D'
) AS found (name, after) WHERE NOT after OR %(after)s ORDER BY name
"""


def find(context: Context, table: Table, *, after: bool) -> list[str]:
    """Their names; `after`: with the triggers that fire when a row is gone already."""
    params = {"oids": list(table.oids), "after": after}
    return [name for (name,) in context.session.read(_KEEPERS, params)]
