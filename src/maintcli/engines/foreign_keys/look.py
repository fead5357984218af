"""Looking up what a sweep reaches, and whether the role may see and lock all of it."""

from maintcli.db import reached as catalog
from maintcli.db.links import Links
from maintcli.db.tables import hidden_rows, missing_grant
from maintcli.engines.foreign_keys.graph import CUTS
from maintcli.engines.target import Target
from maintcli.errors import ConfigError
from maintcli.runtime.context import Context


def links(context: Context, target: Target) -> Links:
    """The foreign keys that a DELETE from the table meets.

    Raises MissingPrivilege, and ConfigError where they are too many to follow.
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
            raise hidden_rows(relation, role)
        if not relation.can_select:
            raise missing_grant(role, "SELECT", relation.quoted)
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
            raise missing_grant(role, "UPDATE", relation.quoted)
        if oid in go and not relation.can_delete:
            raise missing_grant(role, "DELETE", relation.quoted)
