"""Refuses what the role may not do, and what would bypass a protection that SQL respects."""

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from psycopg import sql

from maintcli.db.catalog import protections
from maintcli.db.catalog.protections import Event, Found, Kind
from maintcli.db.catalog.tables import Part, Table, hidden_rows, missing_grant
from maintcli.errors import ConfigError, MissingPrivilege, Refused
from maintcli.runtime.context import Context

if TYPE_CHECKING:
    from maintcli.db.catalog.links import Links
    from maintcli.db.catalog.relations import Relation

_CUTS = ("SET NULL", "SET DEFAULT")


def check_rights(context: Context, table: Table, *, delete: bool = False) -> None:
    """Raise MissingPrivilege unless the role can read every row of `table`.

    With `delete` it must be able to delete them as well, except in a dry run.
    """
    for one in table.relations:
        check_readable(one, table.role)
        if delete and not one.can_delete and not context.dry_run:
            raise missing("DELETE", one, table.role)


def check_readable(one: "Table | Part | Relation", role: str) -> None:
    """Raise MissingPrivilege unless all rows are visible: a hidden one would count as absent."""
    if not one.can_select:
        raise missing("SELECT", one, role)
    if one.hides_rows:
        raise hidden_rows(one, role)


def missing(privilege: str, one: "Table | Part | Relation", role: str) -> MissingPrivilege:
    """The error for a role without a privilege on a table."""
    return missing_grant(role, privilege, one.quoted)


def check(
    context: Context,
    tables: Sequence[Table],
    links: "Links | None" = None,
    *,
    event: Event = "DELETE",
    updated: Sequence[Table] = (),
) -> None:
    """Check before rows of `tables` are deleted or updated, and those that `links` lead to.

    Rows of the tables `updated` are updated by the run itself.

    Raises Refused for a trigger or rule that would be bypassed, ConfigError for what PostgreSQL
    does not enforce or allow.
    """
    parts, stamped = _parts(tables), _parts(updated)
    along = links.links if links else ()
    gone = parts | {link.child for link in along if link.key.action == "CASCADE"}
    cut = {link.child for link in along if link.key.action in _CUTS}
    found = protections.find(
        context.session,
        event,
        named=[table.oid for table in tables],
        keys=[link.key.oid for link in along],
        deleted=gone if event == "DELETE" else (),
        updated=stamped | (cut if event == "DELETE" else parts),
    )
    by_kind: defaultdict[Kind, list[Found]] = defaultdict(list)
    for one in found:
        by_kind[one.kind].append(one)
    for one in by_kind[Kind.TRIGGER] + by_kind[Kind.RULE]:
        raise _passed(one, event)
    if idle := by_kind[Kind.IDLE_KEY]:
        raise _idle(context, idle, tables[0].role)
    for one in by_kind[Kind.NO_IDENTITY]:
        raise _not_replicated(one)
    for one in by_kind[Kind.UNENFORCED_KEY]:
        context.log.warn(f"{one.name} of {one} is NOT ENFORCED: rows that refer by it stay.")


def _parts(tables: Sequence[Table]) -> set[int]:
    return {part.oid for table in tables for part in table.parts}


def _passed(found: Found, event: Event) -> Refused:
    done = "deleted" if event == "DELETE" else "changed"
    what = (
        f"the trigger {found.name} of {found} (FOR EACH STATEMENT) would not fire"
        if found.kind is Kind.TRIGGER
        else f"the rule {found.name} of {found} would not apply"
    )
    return Refused(
        f"{what}: maint changes each of its partitions (or inheriting tables) directly."
        f" Nothing was {done}. Make it a FOR EACH ROW trigger of those, or drop it."
    )


def _idle(context: Context, found: Sequence[Found], role: str) -> ConfigError:
    key = found[0].of
    stays = "so rows that refer by it would stay and refer to nothing. Nothing was deleted."
    if (remedy := protections.replica_role(context.session, role)) is not None:
        return ConfigError(
            f"The foreign key {key} does not act under session_replication_role = replica,"
            f" {stays} {remedy}"
        )
    names: defaultdict[str, list[str]] = defaultdict(list)
    for one in found:
        names[one.quoted].append(f"ENABLE TRIGGER {sql.Identifier(one.name).as_string()}")
    statements = " ".join(f"ALTER TABLE {t} {', '.join(each)};" for t, each in names.items())
    return ConfigError(
        f"The foreign key {key} does not act, because triggers of {found[0]} are disabled,"
        f" {stays} Let a superuser run: {statements}"
    )


def _not_replicated(found: Found) -> ConfigError:
    verb, done = ("deletes", "deleted") if found.name == "DELETE" else ("updates", "changed")
    return ConfigError(
        f"{found} has no replica identity, and a publication sends its {verb}, so PostgreSQL"
        f" refuses them. Nothing was {done}. Give it a primary key, or run:"
        f" ALTER TABLE {found.quoted} REPLICA IDENTITY FULL;"
    )
