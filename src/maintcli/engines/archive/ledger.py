"""Which files of an archive count: those entered in the transaction that deleted their rows."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from psycopg import sql

from maintcli.db import formats
from maintcli.db.connect import Connection
from maintcli.runtime.lease import Lease
from maintcli.runtime.session import Session

_ENTER = sql.SQL("""INSERT INTO {archives}
    (run_id, number, location, file, sha256, size_bytes, rows, manifest_sha256)
VALUES ({run}, {number}, {location}, {file}, {sha256}, {size_bytes}, {rows}, {manifest_sha256});
""")

_ENTERED = sql.SQL("""SELECT number, file, sha256, size_bytes, rows, location, manifest_sha256
FROM {archives} WHERE run_id = ANY(%(runs)s::uuid[]) ORDER BY position""")

_MARKED = sql.SQL("SELECT file, restored FROM {archives} WHERE run_id = ANY(%(runs)s::uuid[])")
_TURN = sql.SQL("""SELECT restored FROM {archives}
WHERE run_id = {run} AND number = {number} FOR UPDATE""")

_MARK = sql.SQL("""UPDATE {archives} SET restored = pg_catalog.array_cat(restored, {tables})
WHERE run_id = {run} AND number = {number}""")


class Kept(NamedTuple):
    """A file that holds a batch, durably. It counts once the ledger names it.

    `number` belongs to this attempt alone: a batch that is sent again gets another file. `file` is
    its key below `location`, blank where there was nothing to keep; `rows` are counts by
    `schema.table`, those of links by `schema.table (links)`. `manifest_sha256` is what the ledger
    has of the run's manifest; None where it was entered by an older version.
    """

    number: int
    file: str
    sha256: str
    size_bytes: int
    rows: dict[str, int]
    location: str = ""
    manifest_sha256: str | None = None

    @property
    def run_id(self) -> str:
        """The run of the file: the name of its folder."""
        return self.file.partition("/")[0]


def entry(lease: Lease, kept: Kept) -> sql.Composable:
    """The statement that makes `kept` count, for the batch's own transaction; ends with `;`.

    Blank where the batch had nothing to keep.
    """
    if not kept.file:
        return sql.SQL("")
    return _ENTER.format(
        archives=lease.table("job_archives"),
        run=lease.run_id,
        **{**kept._asdict(), "rows": formats.as_json(kept.rows)},
    )


def entered(session: Session, schema: str, *run_ids: str) -> list[Kept]:
    """The files of those runs that count, in the order of their batches, oldest first."""
    query = _ENTERED.format(archives=sql.Identifier(schema, "job_archives"))
    return [Kept(*row) for row in session.read_composed(query, {"runs": list(run_ids)}, ours=True)]


def marked(session: Session, schema: str, run_ids: Iterable[str]) -> dict[str, frozenset[str]]:
    """By file, the tables whose rows without a key have gone back."""
    query = _MARKED.format(archives=sql.Identifier(schema, "job_archives"))
    rows = session.read_composed(query, {"runs": list(run_ids)}, ours=True)
    return {file: frozenset(tables) for file, tables in rows}


class Marks(NamedTuple):
    """Which of a file's rows without a key have gone back; `schema` is the toolkit's."""

    schema: str
    run_id: str
    number: int

    def read(self, connection: Connection) -> frozenset[str]:
        """The tables, as `schema.table`; locks the file for this transaction."""
        row = connection.execute(_TURN.format(**self._names())).fetchone()
        return frozenset(row[0] if row else ())

    def write(self, connection: Connection, tables: Iterable[str]) -> None:
        """Add tables, as part of the transaction that put their rows back."""
        connection.execute(_MARK.format(**self._names(), tables=list(tables)))

    def _names(self) -> dict[str, Any]:
        archives = sql.Identifier(self.schema, "job_archives")
        return {"archives": archives, "run": self.run_id, "number": self.number}
