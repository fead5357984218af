"""What a sweep reaches: whether the role may see and lock all of it, and whether it still holds."""

from collections.abc import Iterable
from typing import NamedTuple

from psycopg import sql

from maintcli.db.catalog import links as catalog
from maintcli.db.catalog.links import Links
from maintcli.db.sqlstate import SCHEMA_CHANGED
from maintcli.engines.base.protections import check_readable, missing
from maintcli.engines.base.target import Target
from maintcli.engines.foreign_keys.graph import CUTS, Cascade
from maintcli.errors import ConfigError
from maintcli.runtime.context import Context
from maintcli.runtime.session import Session

# A column, a partition or a referring table that comes in mid-run would be cascaded without being
# counted or archived. So each batch looks at the end, behind its DELETE: from then on its locks
# keep such DDL out until COMMIT, and what came before is seen.
# A foreign key has triggers on the table that it refers to, which an index finds; pg_constraint
# has none for that. A key of a partitioned table acts on every partition, also on new ones.
_REFERENCES = sql.SQL("""SELECT pg_catalog.concat_ws(' ', 'reference', k.oid, k.conrelid,
           k.confdeltype, tree.relid) AS line
    FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_constraint k ON k.oid = t.tgconstraint
    LEFT JOIN LATERAL pg_catalog.pg_partition_tree(k.conrelid) AS tree ON true
    WHERE t.tgrelid = ANY ({members}) AND k.contype = 'f' AND k.confrelid = t.tgrelid""")

_TRIGGERS = sql.SQL("""SELECT pg_catalog.concat_ws(' ', 'trigger', oid, tgrelid, tgenabled)
    FROM pg_catalog.pg_trigger WHERE tgrelid = ANY ({relations})""")

_COLUMNS = sql.SQL("""SELECT pg_catalog.concat_ws(
        ' ', 'column', attrelid, attnum, attname, atttypid, atttypmod, attgenerated)
    FROM pg_catalog.pg_attribute
    WHERE attrelid = ANY ({relations}) AND attnum > 0 AND NOT attisdropped
    UNION ALL SELECT pg_catalog.concat_ws(' ', 'key', indexrelid, indkey)
    FROM pg_catalog.pg_index WHERE indrelid = ANY ({relations}) AND indisprimary
    UNION ALL SELECT pg_catalog.concat_ws(' ', 'name', oid, relnamespace, relname)
    FROM pg_catalog.pg_class WHERE oid = ANY ({relations})""")

_FACTS = sql.SQL("""(SELECT pg_catalog.md5(
        coalesce(pg_catalog.string_agg(DISTINCT line COLLATE "C", ';'), ''))
    FROM ({lines}) AS facts)""")

_CHECK = sql.SQL("""IF {facts} IS DISTINCT FROM {before} THEN
    RAISE EXCEPTION 'the schema changed' USING ERRCODE = {state};
END IF;""")


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
        check_readable(relation, role)
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
            raise missing("UPDATE", relation, role)
        if oid in go and not relation.can_delete:
            raise missing("DELETE", relation, role)


class Facts(NamedTuple):
    """What the catalog says of `members`, which lose rows, and of all `relations` that change.

    Their columns matter where rows are copied: with `columns`.
    """

    members: frozenset[int]
    relations: frozenset[int]
    columns: bool

    def read(self, session: Session) -> str:
        """The facts as they are now, as a checksum."""
        ((found,),) = session.read_composed(sql.SQL("SELECT {}").format(self._query), ours=True)
        return str(found)

    def check(self, before: str) -> sql.Composable:
        """PL/pgSQL that raises unless they are as they were."""
        return _CHECK.format(facts=self._query, before=before, state=SCHEMA_CHANGED)

    @property
    def _query(self) -> sql.Composable:
        members, relations = _oids(self.members), _oids(self.relations)
        lines = [_REFERENCES.format(members=members), _TRIGGERS.format(relations=relations)]
        if self.columns:
            lines.append(_COLUMNS.format(relations=relations))
        return _FACTS.format(lines=sql.SQL(" UNION ALL ").join(lines))


def facts(cascade: Cascade, *, columns: bool) -> Facts:
    """Those of a DELETE along `cascade`."""
    links = [link.child for link in cascade.unlinks]
    return Facts(frozenset(cascade.members), frozenset([*cascade.members, *links]), columns)


def _oids(oids: Iterable[int]) -> sql.Composable:
    return sql.SQL("{}::pg_catalog.oid[]").format(sql.Literal(sorted(oids)))
