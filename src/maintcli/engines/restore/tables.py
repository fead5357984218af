"""A table that rows go back into: its keys, its foreign keys, what fires, what is allowed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from psycopg import sql

from maintcli.db import toolkit
from maintcli.db.catalog.tables import Column, columns
from maintcli.engines.archive.tables import Shape, shapes
from maintcli.runtime.session import Session

# Rows of a partition go back through the root: the partition may have been dropped or made anew.
_FIND = """
SELECT w.schema, w.name, coalesce(pg_catalog.pg_partition_root(c.oid), c.oid)::oid
FROM unnest(%(schemas)s::text[], %(names)s::text[]) AS w(schema, name)
JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
WHERE c.relkind IN ('r', 'p')
"""

# to_jsonb, since indnullsnotdistinct came with PostgreSQL 15.
_MORE = """
SELECT c.oid,
       (SELECT json_agg(json_build_object(
            'columns', (SELECT json_agg(a.attname ORDER BY k.place)
                        FROM unnest(i.indkey) WITH ORDINALITY k(number, place)
                        LEFT JOIN pg_catalog.pg_attribute a
                             ON a.attrelid = c.oid AND a.attnum = k.number AND k.number > 0
                        WHERE k.place <= i.indnkeyatts),
            'nulls_match', coalesce((to_jsonb(i)->>'indnullsnotdistinct')::boolean, false),
            'primary', i.indisprimary,
            'plain', i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indisvalid))
        FROM pg_catalog.pg_index i
        WHERE i.indrelid = c.oid AND i.indisunique),
       (SELECT json_agg(json_build_object(
            'name', f.conname, 'parent', f.confrelid::bigint,
            'schema', pn.nspname, 'table', p.relname,
            'columns', (SELECT json_agg(a.attname ORDER BY k.place)
                        FROM unnest(f.conkey) WITH ORDINALITY k(number, place)
                        JOIN pg_catalog.pg_attribute a
                             ON a.attrelid = f.conrelid AND a.attnum = k.number),
            'referenced', (SELECT json_agg(a.attname ORDER BY k.place)
                        FROM unnest(f.confkey) WITH ORDINALITY k(number, place)
                        JOIN pg_catalog.pg_attribute a
                             ON a.attrelid = f.confrelid AND a.attnum = k.number)))
        FROM pg_catalog.pg_constraint f
        JOIN pg_catalog.pg_class p ON p.oid = f.confrelid
        JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
        WHERE f.conrelid = c.oid AND f.contype = 'f'),
       (SELECT json_agg(json_build_array(t.tgname, t.tgtype & 4 <> 0, t.tgtype & 16 <> 0)
                        ORDER BY t.tgname)
        FROM pg_catalog.pg_trigger t
        WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')),
       ARRAY(SELECT x.relname
             FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
             WHERE i.indrelid = c.oid AND i.indisvalid AND (i.indisexclusion OR i.indisunique
                   AND (i.indpred IS NOT NULL OR i.indexprs IS NOT NULL))
             ORDER BY x.relname),
       ARRAY(SELECT r.rulename FROM pg_catalog.pg_rewrite r
             WHERE r.ev_class = c.oid AND r.ev_type = '3' AND r.ev_enabled IN ('O', 'A')
             ORDER BY r.rulename),
       c.relkind = 'p',
       starts_with(coalesce(obj_description(c.oid, 'pg_class'), ''), %(mark)s),
       EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass
               AND d.objid = c.oid AND d.deptype = 'e'),
       row_security_active(c.oid), current_user::text,
       ARRAY(SELECT p FROM unnest('{SELECT,INSERT,UPDATE}'::text[]) p
             WHERE NOT has_table_privilege(c.oid, p))
FROM pg_catalog.pg_class c WHERE c.oid = ANY (%(oids)s::oid[])
"""


class Key(NamedTuple):
    """A unique key of plain columns. `nulls_match`: NULLS NOT DISTINCT."""

    columns: tuple[str, ...]
    nulls_match: bool
    is_primary: bool

    @property
    def conflict(self) -> str:
        """Why a row cannot go back whose key another row has."""
        return f"another row has its {', '.join(self.columns)}"


class ForeignKey(NamedTuple):
    """A reference of this table's `columns` to the `referenced` ones of another, or of itself."""

    name: str
    parent: int
    parent_name: sql.Identifier
    columns: tuple[Column, ...]
    referenced: tuple[Column, ...]


class Table(NamedTuple):
    """Where rows go back to: `keys` tell them apart, `on_insert` and `on_update` fire.

    `types` are the columns as they are compared, by name.

    `rules` are those ON INSERT. `more_keys` are exclusive, or unique in part or over expressions: a
    dry run does not look at them.
    """

    shape: Shape
    types: Mapping[str, Column]
    keys: tuple[Key, ...]
    foreign_keys: tuple[ForeignKey, ...]
    on_insert: tuple[str, ...]
    on_update: tuple[str, ...]
    more_keys: tuple[str, ...]
    rules: tuple[str, ...]
    is_partitioned: bool
    is_toolkits: bool
    is_extensions: bool
    hides_rows: bool
    role: str
    denied: tuple[str, ...]

    @property
    def name(self) -> str:
        """`schema.table`."""
        return self.shape.name

    @property
    def quoted(self) -> sql.Identifier:
        """The name, quoted for a statement."""
        return sql.Identifier(self.shape.schema, self.shape.table)

    @property
    def own(self) -> sql.Composable:
        """The table as a source of rows: its own, not those of tables that inherit from it."""
        return self.quoted if self.is_partitioned else sql.SQL("ONLY {}").format(self.quoted)

    def chosen(self, columns: Iterable[str]) -> list[Column]:
        """The columns of these names."""
        return [self.types[name] for name in columns]

    def has_certain_key(self, columns: Sequence[str]) -> bool:
        """Whether every row of these columns can be found by a key."""
        filled = {column.name for column in self.shape.columns if column.not_null}
        keys = self.usable_keys(columns)
        return any(key.nulls_match or set(key.columns) <= filled for key in keys)

    def usable_keys(self, columns: Sequence[str]) -> list[Key]:
        """The keys that rows of these columns can be found by."""
        return [key for key in self.keys if set(key.columns) <= set(columns)]

    def identity(self, columns: Sequence[str]) -> list[Key]:
        """What makes two rows of these columns the same one: the primary key, else every key."""
        keys = self.usable_keys(columns)
        return [key for key in keys if key.is_primary] or keys


Archived = tuple[str, str]
"""Schema and table as the archive has them."""

Tables = Mapping[Archived, Table]
"""The tables of today."""


def find_tables(
    session: Session, wanted: Iterable[Archived], roots: Mapping[Archived, Archived]
) -> dict[Archived, Table]:
    """The tables of today for those of the archive; one that is gone is left out.

    `roots` are the partitioned tables of archived partitions, which stand in for dropped ones.
    """
    found = _find(session, wanted)
    gone = {key: roots[key] for key in wanted if key not in found and key in roots}
    instead = _find(session, gone.values())
    found |= {key: instead[root] for key, root in gone.items() if root in instead}
    tables = _describe(session, set(found.values()))
    return {
        key: tables[oid]
        for key, oid in found.items()
        if key not in gone or tables[oid].is_partitioned
    }


def _find(session: Session, wanted: Iterable[Archived]) -> dict[Archived, int]:
    pairs = list(wanted)
    values = {"schemas": [schema for schema, _ in pairs], "names": [name for _, name in pairs]}
    return {(schema, name): oid for schema, name, oid in session.read(_FIND, values)}


def _describe(session: Session, oids: Iterable[int]) -> dict[int, Table]:
    listed = list(oids)
    by_oid = {shape.oid: shape for shape in shapes(session, listed).values()}
    rows = session.read(_MORE, {"oids": listed, "mark": toolkit.MARK})
    parents = {one["parent"] for row in rows for one in row[2] or ()}
    types = columns(session, {*listed, *parents})
    return {row[0]: _table(by_oid[row[0]], types, row) for row in rows}


def _table(shape: Shape, types: Mapping[int, Mapping[str, Column]], row: tuple[Any, ...]) -> Table:
    _, indexes, references, triggers, more_keys, rules, *flags, role, denied = row
    is_partitioned, is_toolkits, is_extensions, hides_rows = flags
    return Table(
        shape=shape,
        types=types[shape.oid],
        keys=tuple(
            Key(tuple(i["columns"]), i["nulls_match"], i["primary"])
            for i in indexes or ()
            if i["plain"]
        ),
        foreign_keys=tuple(
            ForeignKey(
                name=f["name"],
                parent=f["parent"],
                parent_name=sql.Identifier(f["schema"], f["table"]),
                columns=tuple(types[shape.oid][name] for name in f["columns"]),
                referenced=tuple(types[f["parent"]][name] for name in f["referenced"]),
            )
            for f in references or ()
        ),
        on_insert=tuple(name for name, insert, _ in triggers or () if insert),
        on_update=tuple(name for name, _, update in triggers or () if update),
        more_keys=tuple(more_keys),
        rules=tuple(rules),
        is_partitioned=is_partitioned,
        is_toolkits=is_toolkits,
        is_extensions=is_extensions,
        hides_rows=hides_rows,
        role=role,
        denied=tuple(denied),
    )
