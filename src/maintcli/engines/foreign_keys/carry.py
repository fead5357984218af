"""PL/pgSQL that carries what was gathered from the first message of a batch to its second.

Settings of the transaction hold it, as text: no temporary table is made, which would bloat the
catalog, and nothing outlives the transaction.
"""

from psycopg import sql

from maintcli.db.sqlstate import NOT_AS_GATHERED
from maintcli.engines.foreign_keys import remove
from maintcli.engines.foreign_keys import variables as v
from maintcli.engines.foreign_keys.graph import Cascade

_STOP = sql.SQL("""maint_stop := maint_stop OR maint_more OR pg_catalog.cardinality(maint_r) > 0;
{exports}""")

_EXPORT = sql.SQL("PERFORM set_config({setting}, {variable}::text, true);")
_IMPORT = sql.SQL("{variable} := current_setting({setting});")

_EXACT = sql.SQL("""IF {counter} <> pg_catalog.cardinality({rows}) THEN
    RAISE EXCEPTION 'not as archived' USING ERRCODE = {state};
END IF;""")


def setting(variable: sql.Composable) -> str:
    """The setting that holds a variable."""
    return "maint." + variable.as_string().strip('"').removeprefix("maint_")


def leave(cascade: Cascade) -> sql.Composable:
    """At the end of a step: stop where there is something to remove, and leave word of it."""
    exports = [
        _EXPORT.format(setting=setting(variable), variable=variable)
        for variable in _carried(cascade)
    ]
    return _STOP.format(exports=v.joined(exports))


def take(cascade: Cascade) -> sql.Composable:
    """At the beginning of the second message: what the first one left."""
    return v.joined(
        _IMPORT.format(setting=setting(variable), variable=variable)
        for variable in _carried(cascade)
    )


def exactly(cascade: Cascade) -> sql.Composable:
    """Raise unless all that was gathered is gone."""
    pairs = [(remove.counter(cascade, oid), v.rows(cascade, oid)) for oid in cascade.members]
    pairs += [
        (remove.link_counter(cascade, link), v.unlinked(cascade, link)) for link in cascade.unlinks
    ]
    return v.joined(
        _EXACT.format(counter=counter, rows=rows, state=NOT_AS_GATHERED) for counter, rows in pairs
    )


def _carried(cascade: Cascade) -> list[sql.Composable]:
    roots, more = sql.Identifier("maint_r"), sql.Identifier("maint_more")
    members = [v.rows(cascade, oid) for oid in cascade.members]
    links = [
        variable
        for link in cascade.unlinks
        for variable in (v.unlinked(cascade, link), v.link_cut(cascade, link))
    ]
    return [roots, more, *members, *links]
