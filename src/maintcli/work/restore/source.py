"""Where a run's archive is, and which of its files count."""

from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from maintcli.db import toolkit
from maintcli.errors import (
    DamagedFile,
    NoSuchArchive,
    NoSuchFile,
    NoToolkitTables,
    TryAgain,
    Usage,
)
from maintcli.runtime import history
from maintcli.runtime.context import Context
from maintcli.services.storage import Storage, storage
from maintcli.work.archive import file, ledger, manifest
from maintcli.work.archive.file import Block
from maintcli.work.archive.manifest import Manifest
from maintcli.work.archive.section import Kept

_opened = cache(storage)


class Source(NamedTuple):
    """An archive: `files` are those that count, oldest first; `moved` is what --from says.

    `schema` is that of the toolkit's tables; None where they do not know the run.
    """

    manifest: Manifest
    files: Sequence[Kept]
    moved: str | None
    schema: str | None

    def blocks(self, kept: Kept) -> Iterator[Block]:
        """What is in a file. Raises DamagedFile."""
        try:
            data = _place(self.moved or kept.location).get(kept.file)
        except NoSuchFile:
            raise DamagedFile(file=kept.file, reason="it is missing") from None
        if sha256(data).hexdigest() != kept.sha256:
            raise DamagedFile(file=kept.file, reason="its checksum is another")
        return file.read(kept.file, data)

    def marks(self, kept: Kept) -> ledger.Marks | None:
        """The ledger's marks at a file; None without the ledger."""
        if self.schema is None:
            return None
        return ledger.Marks(self.schema, self.manifest.run_id, kept.number)


def find(context: Context, run: str, moved: str | None) -> Source:
    """The archive of `run`, by the ledger; where that has no such run, by the manifest in `moved`.

    Raises Usage, NoSuchArchive, DamagedFile, and TryAgain while the run goes on.
    """
    _opened.cache_clear()  # another run may have other credentials
    schema = _schema(context, moved)
    if schema is not None:
        try:
            past = history.find(context.session, schema, run)
        except Usage:
            if moved is None:
                raise
        else:
            return _by_ledger(context, schema, past, moved)
    assert moved is not None  # noqa: S101  or an error was raised
    return _by_manifest(context, run, moved)


def _schema(context: Context, moved: str | None) -> str | None:
    """Where the toolkit's tables are; None where there are none, and --from can do without."""
    if context.lease is not None:
        return context.lease.schema
    database = context.order.database
    try:
        connection = context.session.connection
        return toolkit.require(connection, database.schema, section=database.section)
    except NoToolkitTables:
        if moved is None:
            raise
        return None


def _by_ledger(context: Context, schema: str, past: history.PastRun, moved: str | None) -> Source:
    if past.outcome == "running":
        raise TryAgain(reason=f"Run {past.run_id} goes on; restore it once it has ended.")
    files = ledger.entered(context.session, schema, past.run_id)
    place = _root(moved, past.run_id) or (files[-1].location if files else None)
    if place is None:
        reason = "no batch of it was archived; was it given --archive?"
        raise NoSuchArchive(location="The ledger", run_id=past.run_id, reason=reason)
    return Source(_manifest(place, past.run_id), files, moved and place, schema)


def _by_manifest(context: Context, run: str, moved: str) -> Source:
    try:
        run_id = str(UUID(run))
    except ValueError:
        reason = f"{run!r} is no whole run id, which --from needs where the ledger has no such run."
        raise Usage(reason=reason) from None
    place = _root(moved, run_id) or moved
    found = _manifest(place, run_id)
    if found.files is None:
        reason = "the run did not end properly, so only the ledger knows which files count"
        raise NoSuchArchive(location=place, run_id=run_id, reason=reason)
    context.log.warn(f"the ledger has no run {run_id}; going by the manifest alone")
    return Source(found, found.files, place, None)


def _root(moved: str | None, run_id: str) -> str | None:
    """The folder that holds the run's folder; the latter may be given, too."""
    if moved is None:
        return None
    return moved.rstrip("/").removesuffix(f"/{run_id}") or "/"


def _manifest(place: str, run_id: str) -> Manifest:
    try:
        data = _place(place).get(manifest.key(run_id))
    except NoSuchFile:
        reason = f"there is no {manifest.key(run_id)}"
        raise NoSuchArchive(location=place, run_id=run_id, reason=reason) from None
    return manifest.parse(manifest.key(run_id), data)


def _place(location: str) -> Storage:
    return _opened(location, "--from")
