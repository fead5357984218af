"""Where the archive of a run is, which of its files count, and what they hold.

A run that is a part of a whole stands for the whole: its rows went along with those of the others.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC
from functools import cache
from typing import NamedTuple
from uuid import UUID

from psycopg import sql

from maintcli.db import toolkit
from maintcli.engines.archive import ledger, manifest, reader
from maintcli.engines.archive.ledger import Kept
from maintcli.engines.archive.manifest import Manifest
from maintcli.engines.archive.reader import Block, Limits
from maintcli.engines.restore.tables import Archived
from maintcli.errors import ConfigError, NoSuchFile, NoToolkitTables, TryAgain, Usage
from maintcli.runtime import history
from maintcli.runtime.context import Context
from maintcli.services.storage import Storage, storage
from maintcli.services.stored import damaged

_opened = cache(storage)
# What no ledger vouches for may be made to unpack without end.
_MOST_UNPACKED, _MOST_RATIO = 1 << 26, 100

_LEASE = sql.SQL("SELECT max(lease_expires_at) FROM {heartbeats} WHERE lease_run_id = %(run)s")


class Source(NamedTuple):
    """An archive: `files` are those that count, oldest first; `moved` is what --from says.

    It has a manifest for each of the runs that it is of. `schema` is that of the toolkit's tables,
    whose checksums vouch for all of it; None where they do not know the run. `check` raises where
    the restore has to stop.
    """

    manifests: Sequence[Manifest]
    files: Sequence[Kept]
    moved: str | None
    schema: str | None
    check: Callable[[], None]

    @contextmanager
    def opened(self, kept: Kept) -> Generator[Iterator[Block]]:
        """The blocks of a file, copied to this machine and verified. Raises Refused."""
        most = None if self.schema else _MOST_UNPACKED + _MOST_RATIO * kept.size_bytes
        with ExitStack() as stack:
            try:
                place = _place(self.moved or kept.location)
                file = stack.enter_context(place.reading(kept.file, kept.size_bytes))
            except NoSuchFile:
                raise damaged(kept.file, "it is missing") from None
            if reader.digest(file, self.check) != kept.sha256:
                raise damaged(kept.file, "its checksum is another")
            file.seek(0)
            yield reader.read(kept.file, file, Limits(self.check, most))

    def blocks(self, kept: Kept) -> Iterator[Block]:
        """The blocks of a file; the caller reads them to the end."""
        with self.opened(kept) as blocks:
            yield from blocks

    def marked(self, context: Context) -> Mapping[str, frozenset[str]]:
        """By file, the tables whose rows without a key went back; none without the ledger."""
        if self.schema is None:
            return {}
        return ledger.marked(context.session, self.schema, {kept.run_id for kept in self.files})

    def marks(self, kept: Kept) -> ledger.Marks | None:
        """The ledger's marks at a file; None without the ledger."""
        if self.schema is None:
            return None
        return ledger.Marks(self.schema, kept.run_id, kept.number)


def find_source(context: Context, run: str, moved: str | None) -> Source:
    """The archive of `run`, by the ledger; where that has no such run, by the manifest in `moved`.

    With --no-ledger it is the manifest in any case: it is not read either.

    Raises Usage, ConfigError, Refused, and TryAgain while the run is running.
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
    """The schema of the toolkit's tables; None where there are none and --from is given."""
    if context.order.value("no_ledger"):
        if moved is None:
            reason = "--no-ledger needs --from: without the ledger, say where the archive is."
            raise Usage(reason)
        return None
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
    runs = history.together(context.session, schema, past)
    for run in runs:
        if run.outcome == "running":
            raise TryAgain(_still_running(context, schema, run))
    files = ledger.entered(context.session, schema, *(run.run_id for run in runs))
    last = {kept.run_id: kept for kept in files}
    runs = [run for run in runs if run.run_id in last]
    root = _root(moved, *(run.run_id for run in runs))
    if not files and not past.deleted_count and "archive" in past.parameters:
        context.log.info(f"run {past.run_id} removed nothing, so there is nothing to put back")
        return Source([], files, root, schema, context.stop.check)
    if not files:
        reason = "none of its batches was archived, as without --archive"
        raise _none("The ledger", past.run_id, reason)
    manifests = [_vouched(context, root, last[run.run_id]) for run in runs]
    if past.run_group is not None:
        _say_parts(context, past, len({run.part for run in runs if run.run_id in last}))
    return Source(manifests, files, root, schema, context.stop.check)


def _still_running(context: Context, schema: str, run: history.PastRun) -> str:
    query = _LEASE.format(heartbeats=sql.Identifier(schema, "job_heartbeats"))
    ((ends,),) = context.session.read_composed(query, {"run": run.run_id})
    when = f"at {ends.astimezone(UTC):%H:%M:%S} UTC" if ends else "now"
    return (
        f"Run {run.run_id} is in progress; restore it once it has ended. If it was killed, that is"
        f" when its lease ends: {when}."
    )


def _say_parts(context: Context, past: history.PastRun, archived: int) -> None:
    context.counts["parts"] = archived
    go = "would go" if context.dry_run else "goes"
    context.log.info(
        f"run {past.run_id} is part {past.part}/{past.parts} of a whole, of which"
        f" {archived} of {past.parts} parts archived something: all of that {go} back"
    )


def _by_manifest(context: Context, run: str, moved: str) -> Source:
    try:
        run_id = str(UUID(run))
    except ValueError:
        reason = (
            f"{run!r} is not a whole run id; --from needs one, because the ledger has no such run."
        )
        raise Usage(reason) from None
    place = _root(moved, run_id) or moved
    found = _manifest(place, run_id)
    if found.files is None:
        reason = "the run did not end properly, so only the ledger knows which files count"
        raise _none(place, run_id, reason)
    left_out = context.order.value("no_ledger")
    without = "--no-ledger" if left_out else f"the ledger has no run {run_id}"
    context.log.warn(
        f"{without}; going by the manifest alone, which trusts whoever could"
        f" change it: {_place(place).writers}"
    )
    return Source([found], found.files, place, None, context.stop.check)


def _root(moved: str | None, *run_ids: str) -> str | None:
    """The folder that holds the runs' folders; one of the latter may be given, too."""
    if moved is None:
        return None
    root = moved.rstrip("/")
    for run_id in run_ids:
        root = root.removesuffix(f"/{run_id}")
    return root or "/"


def _vouched(context: Context, root: str | None, last: Kept) -> Manifest:
    """The manifest of the run whose last file is `last`, as the ledger knows it."""
    found = _manifest(root or last.location, last.run_id)
    if last.manifest_sha256 is None:
        context.log.warn(f"the ledger has no checksum of {manifest.key(last.run_id)}: it is older")
    elif found.sha256 != last.manifest_sha256:
        raise damaged(manifest.key(last.run_id), "its checksum is another")
    return found


def _manifest(place: str, run_id: str) -> Manifest:
    try:
        data = _place(place).get(manifest.key(run_id), manifest.MOST_BYTES)
    except NoSuchFile:
        reason = f"there is no {manifest.key(run_id)}"
        raise _none(place, run_id, reason) from None
    return manifest.parse(run_id, data)


def _place(location: str) -> Storage:
    return _opened(location, "--from")


@dataclass(slots=True)
class Inventory:
    """`files` have something that is wanted, newest first: a parent went last, and comes first.

    `rows` and `links` are the columns that were archived of each table.
    """

    files: list[Kept] = field(default_factory=list[Kept])
    rows: dict[Archived, tuple[str, ...]] = field(default_factory=dict[Archived, tuple[str, ...]])
    links: dict[Archived, set[str]] = field(default_factory=dict[Archived, set[str]])

    def note(self, block: Block) -> None:
        """Add a block."""
        table = block.schema, block.table
        if block.kind == "rows":
            self.rows[table] = block.columns
        else:
            self.links.setdefault(table, set()).update(block.columns)


def take_inventory(context: Context, source: Source, wanted: Callable[[Block], bool]) -> Inventory:
    """Read every file, so that a damaged one is found before the first row goes back."""
    found = Inventory()
    for kept in reversed(source.files):
        context.stop.check()
        blocks = [block for block in source.blocks(kept) if wanted(block)]
        if blocks:
            found.files.append(kept)
        for block in blocks:
            found.note(block)
    return found


def _none(location: str, run_id: str, reason: str) -> ConfigError:
    return ConfigError(f"{location} holds no archive of run {run_id}: {reason}.")
