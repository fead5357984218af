"""manifest.json: whose rows these are, what their tables looked like, which files count.

The tables are those that a sweep can reach; a restore compares them with those of its own day.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from hashlib import sha256
from typing import Any, NamedTuple

from maintcli.db.catalog import links
from maintcli.db.catalog import tables as catalog
from maintcli.db.catalog.links import Referring
from maintcli.db.catalog.tables import Column, Reader
from maintcli.engines.archive.ledger import Kept
from maintcli.services.stored import damaged

FORMAT = 1
NAME = "manifest.json"
MOST_BYTES = 1 << 26  # some 200,000 files, or 600,000 columns
_MOST_VALUES = 3_000_000  # of so many bytes; more could take gigabytes of memory
_NOT_IN_FILES = ("location", "manifest_sha256")


class Shape(NamedTuple):
    """A table: its columns in order, its primary key, and the tables that it refers to.

    `root` is the partitioned table that it is a part of. A manifest has neither `oid` (0 then) nor
    `refers_to`: both hold for one database only.
    """

    oid: int
    schema: str
    table: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    refers_to: frozenset[int]
    root: tuple[str, str] | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Schema and table."""
        return self.schema, self.table

    @property
    def name(self) -> str:
        """`schema.table`."""
        return f"{self.schema}.{self.table}"


Shapes = Mapping[tuple[str, str], Shape]
"""By schema and table."""


class Manifest(NamedTuple):
    """`files` is None until the run has ended: before that only the ledger knows them."""

    run_id: str
    job: str
    database: str
    started_at: str
    tables: Sequence[Shape]
    complete: bool = False
    files: Sequence[Kept] | None = None

    @property
    def sha256(self) -> str:
        """The checksum of what stays the same from the run's beginning to its end."""
        fixed = [self.run_id, self.job, self.database, self.started_at, self._tables]
        return sha256(json.dumps(fixed, sort_keys=True).encode()).hexdigest()

    def as_bytes(self) -> bytes:
        """As it is stored."""
        rows: dict[str, int] = {}
        for file in self.files or ():
            for table, count in file.rows.items():
                rows[table] = rows.get(table, 0) + count
        files = None if self.files is None else [_file(kept) for kept in self.files]
        content = {"format": FORMAT, **self._asdict(), "tables": self._tables, "rows": rows}
        content["files"] = files
        return json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n"

    @property
    def _tables(self) -> list[dict[str, Any]]:
        return [_as_dict(table) for table in self.tables]


def key(run_id: str) -> str:
    """Where a run's manifest is."""
    return f"{run_id}/{NAME}"


def fits(data: bytes) -> bool:
    """Whether `parse` takes as much as this."""
    return len(data) <= MOST_BYTES and sum(map(data.count, (b"[", b"{", b","))) <= _MOST_VALUES


def parse(run_id: str, data: bytes) -> Manifest:
    """Read back the manifest of `run_id`, which anyone may have changed. Raises Refused."""
    if not fits(data):
        raise damaged(key(run_id), "it is too large")
    try:
        content: dict[str, Any] = json.loads(data)
        if content["format"] != FORMAT:
            reason = f"it has format {content['format']}, and this maint reads {FORMAT}"
            raise damaged(key(run_id), reason)
        if content["run_id"] != run_id:
            raise damaged(key(run_id), "it is that of another run")
        files = content["files"]
        found = Manifest(
            run_id=run_id,
            job=text(content["job"]),
            database=text(content["database"]),
            started_at=text(content["started_at"]),
            tables=[_table(table) for table in content["tables"]],
            complete=bool(content["complete"]),
            files=None if files is None else [_kept(run_id, file) for file in files],
        )
        _check_roots(found.tables)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = f"it cannot be read ({type(error).__name__}: {error})"
        raise damaged(key(run_id), reason) from None
    return found


def text(value: Any) -> str:
    """`value`, if it is text that PostgreSQL could hold. Raises ValueError."""
    if not isinstance(value, str) or "\0" in value:
        reason = "text is missing"
        raise ValueError(reason)
    value.encode()
    return value


def number(value: Any, most: int = 2**63 - 1) -> int:
    """`value`, if it is a number from 0 to `most`. Raises ValueError."""
    if type(value) is not int or not 0 <= value <= most:
        reason = "a number is missing or out of range"
        raise ValueError(reason)
    return value


def _as_dict(table: Shape) -> dict[str, Any]:
    columns = [
        {
            "name": column.name,
            "type": column.full,
            "not_null": not column.nullable,
            "generated": column.generated,
            "identity": column.identity,
            "default": column.default,
        }
        for column in table.columns
    ]
    return {
        "schema": table.schema,
        "table": table.table,
        "columns": columns,
        "primary_key": list(table.primary_key),
        "root": table.root,
    }


def _column(found: Mapping[str, Any]) -> Column:
    kind = text(found["type"])
    return Column(
        name=text(found["name"]),
        type=kind,
        nullable=not found["not_null"],
        declared=kind,
        is_domain=False,
        operators="pg_catalog",
        full=kind,
        generated=text(found["generated"]),
        identity=text(found["identity"]),
        default=found["default"],
    )


def _table(found: Mapping[str, Any]) -> Shape:
    columns = tuple(map(_column, found["columns"]))
    schema, table = found["root"] or ("", "")
    return Shape(
        oid=0,
        schema=text(found["schema"]),
        table=text(found["table"]),
        columns=columns,
        primary_key=tuple(map(text, found["primary_key"])),
        refers_to=frozenset(),
        root=(text(schema), text(table)) if found["root"] else None,
    )


def _check_roots(tables: Sequence[Shape]) -> None:
    """A partition has the columns of its root; rows that lost it go into no other table."""
    columns = {one.key: {(column.name, column.full) for column in one.columns} for one in tables}
    for one in tables:
        if one.root and columns.get(one.root) != columns[one.key]:
            reason = f"{one.name} is not a partition of its root"
            raise ValueError(reason)


def _kept(run_id: str, found: Mapping[str, Any]) -> Kept:
    if not re.fullmatch(rf"{re.escape(run_id)}/[0-9]+\.sql\.gz", text(found["file"])):
        reason = f"{found['file']!r} is not a file of this run"
        raise ValueError(reason)
    return Kept(
        number=number(found["number"]),
        file=found["file"],
        sha256=text(found["sha256"]),
        size_bytes=number(found["size_bytes"]),
        rows={text(name): number(count) for name, count in found["rows"].items()},
    )


def _file(kept: Kept) -> dict[str, Any]:
    return {name: value for name, value in kept._asdict().items() if name not in _NOT_IN_FILES}


def reached(reader: Reader, oids: Iterable[int]) -> Shapes:
    """Those tables, and every table that refers to one of them, however indirectly.

    Types have their schema, since the search path of our queries has none.
    """
    found = links.referring(reader, oids)
    columns = catalog.columns(reader, (one.oid for one in found))
    shapes = (_shape(one, list(columns[one.oid].values())) for one in found)
    return {shape.key: shape for shape in shapes}


def _shape(one: Referring, columns: Sequence[Column]) -> Shape:
    return Shape(
        oid=one.oid,
        schema=one.schema,
        table=one.table,
        columns=tuple(columns),
        primary_key=catalog.shape(columns).key,
        refers_to=one.refers_to,
        root=one.root,
    )


def ranks(shapes: Shapes) -> dict[tuple[str, str], int]:
    """A rank for each table, a parent's below its children's.

    Tables that refer to each other in a circle get ranks too, in no order among themselves.
    """
    by_oid = {shape.oid: key for key, shape in shapes.items()}
    edges = {
        shape.oid: {oid for oid in shape.refers_to if oid in by_oid and oid != shape.oid}
        for shape in shapes.values()
    }
    return {by_oid[oid]: rank for rank, oid in enumerate(_sorted(edges))}


def _sorted(edges: dict[int, set[int]]) -> Iterable[int]:
    while True:
        try:
            return list(TopologicalSorter(edges).static_order())
        except CycleError as error:
            child, parent = error.args[1][1], error.args[1][0]
            edges[child].discard(parent)
