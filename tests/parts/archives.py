"""Archives as a sweep would have left them, made by SELECT and DELETE of the test's own."""

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, LiteralString

import psycopg
from psycopg import sql

from maintcli.db import search_path
from maintcli.engines.archive import manifest, writer
from maintcli.engines.archive.ledger import Kept
from maintcli.engines.archive.manifest import Manifest
from maintcli.engines.archive.writer import Section
from maintcli.services.storage import Storage, storage
from tests.parts.ledger import run_was

Conn = psycopg.Connection[tuple[Any, ...]]
FORMATS = (
    "SET TimeZone = 'UTC'",
    "SET DateStyle = 'ISO, YMD'",
    "SET IntervalStyle = 'postgres'",
    "SET bytea_output = 'hex'",
    "SET extra_float_digits = 1",
)


class Reader:
    """As much of a Session as reading the catalog takes."""

    schemas: tuple[str, ...] = ()

    def __init__(self, conn: Conn) -> None:
        self.conn = conn

    def read(self, query: LiteralString, params: Any = None) -> list[tuple[Any, ...]]:
        """Return the rows, with the path pinned."""
        return search_path.run(self.conn, sql.SQL(query), params)


@dataclass
class Archiving:
    """The archive of one run, batch by batch; `kept` are its files."""

    conn: Conn
    location: str
    tables: Sequence[str]
    run_id: str = ""
    kept: list[Kept] = field(default_factory=list[Kept])

    def __post_init__(self) -> None:
        self.run_id = run_was(self.conn, "success")
        for setting in FORMATS:
            self.conn.execute(setting)
        oids = [
            self.conn.execute("SELECT %s::regclass::oid", [t]).fetchone()[0] for t in self.tables
        ]
        self.shapes = manifest.reached(Reader(self.conn), oids)
        self.end(files=None)

    @property
    def columns(self) -> writer.Columns:
        """Those of all tables."""
        return {
            (*key, one.name): one for key, shape in self.shapes.items() for one in shape.columns
        }

    @property
    def manifest(self) -> Manifest:
        """As it is when the run begins."""
        return Manifest(
            run_id=self.run_id,
            job="cleanup-sessions",
            database="test",
            started_at="2026-11-22T00:00:00Z",
            tables=list(self.shapes.values()),
        )

    @property
    def place(self) -> Storage:
        return storage(self.location, "a test")

    def end(self, files: Sequence[Kept] | None = ()) -> None:
        """Write the manifest; with every file unless told otherwise."""
        written = self.manifest._replace(
            complete=files is not None, files=None if files is None else files or self.kept
        )
        self.place.put(manifest.key(self.run_id), written.as_bytes())

    def batch(self, *taken: tuple[str, str], links: Sequence[Section] = ()) -> Kept:
        """Archive and delete the rows of (table, condition), parents named first; enter the file."""
        sections = [self.section(table, condition) for table, condition in taken]
        kept = self.keep([*sections, *links])
        with self.conn.transaction():
            for table, condition in reversed(taken):
                self.conn.execute(f"DELETE FROM {table} WHERE {condition}")
            self.enter(kept)
        return kept

    def keep(self, sections: Sequence[Section]) -> Kept:
        """Write a file."""
        number = len(self.kept) + 1
        data = written(sections, self.columns)
        name = f"{self.run_id}/{number:08d}.sql.gz"
        self.place.put(name, data)
        digest = hashlib.sha256(data).hexdigest()
        rows = {section.name: len(list(section.rows)) for section in sections}
        kept = Kept(number, name, digest, len(data), rows, self.location, self.manifest.sha256)
        self.kept.append(kept)
        return self.kept[-1]

    def enter(self, kept: Kept) -> None:
        """Make it count."""
        self.conn.execute(
            "INSERT INTO job_archives"
            " (run_id, number, file, sha256, size_bytes, rows, location, manifest_sha256)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            [self.run_id, *kept._replace(rows=json.dumps(kept.rows))],
        )

    def section(
        self,
        table: str,
        condition: str,
        *,
        columns: Sequence[str] = (),
        kind: Literal["rows", "links"] = "rows",
        key: int = 0,
    ) -> Section:
        """The rows of a table, in a sweep's own formats."""
        schema, name = self.conn.execute(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE c.oid = %s::regclass",
            [table],
        ).fetchone()
        shape = self.shapes[schema, name]
        listed = list(columns) or [c.name for c in shape.columns if not c.generated]
        picked = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(c)) for c in listed)
        query = sql.SQL("SELECT {} FROM {} WHERE ").format(picked, sql.Identifier(schema, name))
        found = self.conn.execute(query + sql.SQL(condition)).fetchall()
        rows = [tuple(None if v is None else v.encode() for v in row) for row in found]
        return Section(schema, name, tuple(listed), kind, rows, key)


def written(sections: Sequence[Section], columns: writer.Columns) -> bytes:
    """A file's content."""
    target = io.BytesIO()
    writer.write(target, sections, columns)
    return target.getvalue()


def archiving(conn: Conn, folder: Path | str, *tables: str) -> Archiving:
    """An archive of a run that has just ended, with a row in the ledger and no file yet."""
    if isinstance(folder, Path):
        folder.mkdir(mode=0o700, exist_ok=True)
    return Archiving(conn, str(folder), tables)
