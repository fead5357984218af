"""Looking up what a sweep reaches, and whether the role may see and lock all of it."""

from psycopg import sql

from maintcli.db import reached as catalog
from maintcli.db.links import Links, Relation
from maintcli.engines.foreign_keys.graph import CUTS
from maintcli.engines.target import Target
from maintcli.errors import ConfigError, HiddenRows, MissingPrivilege
from maintcli.runtime.context import Context


def links(context: Context, target: Target) -> Links:
    """The foreign keys that a DELETE from the table meets.

    Raises HiddenRows, MissingPrivilege, and ConfigError where they are too many to follow.
    """
    parts = [part.oid for part in target.table.parts]
    found = catalog.find(context.session, parts)
    if found is None:
        reason = (
            f"Deleting from {target.table} reaches over {catalog.MOST_LINKS:,} tables or partitions"
            " through foreign keys, which is too many to look after; nothing was deleted."
        )
        raise ConfigError(reason)
    context.session.admit_code_on(found.relations)
    role = target.table.role
    for relation in found.relations.values():
        if relation.hides_rows:
            raise HiddenRows(table=str(relation), role=role)
        if not relation.can_select:
            raise _missing(role, "SELECT", relation)
    if not context.dry_run:
        archived = context.order.value("archive") is not None
        alone = parts if archived or target.elsewhere is not None else []
        _check_writes(found, parts, alone, role)
    return found


def _check_writes(found: Links, parts: list[int], alone: list[int], role: str) -> None:
    """Locking a row needs UPDATE; deleting below a root needs DELETE.

    `alone` are the parts whose rows are locked though nothing refers to them.
    """
    go = set(parts) | {link.child for link in found.links if link.key.action == "CASCADE"}
    change = go | {link.child for link in found.links if link.key.action in CUTS}
    concerned = {*alone, *(oid for link in found.links for oid in (link.parent, link.child))}
    for oid in concerned:
        relation = found.relations[oid]
        if oid in change and not relation.can_update:
            raise _missing(role, "UPDATE", relation)
        if oid in go and not relation.can_delete:
            raise _missing(role, "DELETE", relation)


def _missing(role: str, privilege: str, relation: Relation) -> MissingPrivilege:
    name = sql.Identifier(role).as_string()
    return MissingPrivilege(role=name, privilege=privilege, table=relation.quoted.as_string())
