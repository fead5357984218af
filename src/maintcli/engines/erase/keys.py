"""SQL about a row and the foreign keys that refer to it: what holds on to it, what goes with it."""

from psycopg import sql

from maintcli.db.catalog import links
from maintcli.db.catalog.links import ForeignKey, Links
from maintcli.db.catalog.tables import Table
from maintcli.errors import ConfigError
from maintcli.runtime.context import Context

_REFERRED = sql.SQL("EXISTS (SELECT FROM {child} AS maint_holder WHERE {match})")
_EQUAL = sql.SQL("{parent}.{to} OPERATOR({schema}.{operator}) {child}.{column}")


def find(context: Context, *tables: Table) -> Links:
    """Every key that refers to `tables`, and to what goes with their rows."""
    found = links.find(context.session, [part.oid for table in tables for part in table.parts])
    if found is None:
        names = ", ".join(str(table) for table in tables)
        reason = (
            f"More than {links.MOST_LINKS:,} foreign keys lead to {names} and to what goes with"
            " their rows, which is more than one run can follow. Name fewer tables, or leaves."
        )
        raise ConfigError(reason)
    context.session.admit_code_on(found.relations)
    return found


def referring(found: Links, table: Table) -> tuple[ForeignKey, ...]:
    """The keys that refer to `table` itself, each once."""
    parts = {part.oid for part in table.parts}
    keys = {link.key.oid: link.key for link in found.links if link.parent in parts}
    return tuple(keys.values())


def forbids(key: ForeignKey) -> bool:
    """Whether a row that is referred to cannot be deleted."""
    return key.action in {"NO ACTION", "RESTRICT"}


def cascades(key: ForeignKey) -> bool:
    """Whether the referring row goes with the row it refers to."""
    return key.action == "CASCADE"


def is_own(key: ForeignKey, table: Table) -> bool:
    """Whether the table refers to itself."""
    return (key.schema, key.table) == (table.schema, table.name)


def referred_to(key: ForeignKey, row: sql.Composable) -> sql.Composable:
    """SQL: whether any row refers to `row`, a table's name or alias."""
    holder = sql.Identifier("maint_holder")
    return _REFERRED.format(child=key.quoted, match=match(key, holder, row))


def match(key: ForeignKey, child: sql.Composable, parent: sql.Composable) -> sql.Composable:
    """SQL: whether the row `child` refers to the row `parent`."""
    columns = zip(key.parent_columns, key.columns, key.operators, strict=True)
    equal = [
        _EQUAL.format(
            parent=parent,
            to=sql.Identifier(to),
            schema=sql.Identifier(schema),
            operator=sql.SQL(operator),  # pyright: ignore[reportArgumentType]  from the catalog
            child=child,
            column=sql.Identifier(column),
        )
        for to, column, (schema, operator) in columns
    ]
    return sql.SQL(" AND ").join(equal)
