"""Archiving what a sweep deletes: one file a batch, durable before the batch's COMMIT."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain

import psycopg

from maintcli.engines.archive import ledger, manifest, writer
from maintcli.engines.archive.ledger import Kept
from maintcli.engines.archive.manifest import Manifest
from maintcli.engines.archive.reader import digest
from maintcli.engines.archive.writer import Section
from maintcli.engines.base import identity
from maintcli.errors import MaintError, Usage
from maintcli.runtime.context import Context
from maintcli.runtime.lease import Lease
from maintcli.services.storage import Storage, storage


def open_archive(context: Context, oids: Iterable[int]) -> "Archive | None":
    """The archive of these tables that --archive asks for; None without it.

    In a dry run nothing is written: it is said where the rows would go. Raises Usage with
    --no-ledger, BadLocation, ConfigError, Unreachable and MissingPrivilege.
    """
    wanted = context.order.values["archive"]
    if wanted.value is None:
        return None
    if context.order.value("no_ledger"):
        reason = "--archive needs the ledger, which tells the files that count; drop --no-ledger."
        raise Usage(reason)
    place = storage(wanted.value, wanted.origin)
    if context.lease is None:
        place.check()
        context.log.info(f"would archive what is removed in {place.location}")
        return None
    place.prepare()
    return Archive(context, context.lease, place, oids)


class Archive:
    """The archive of one run, in the folder of its id."""

    def __init__(self, context: Context, lease: Lease, place: Storage, oids: Iterable[int]) -> None:
        self._context = context
        self._lease = lease
        self._place = place
        self._last = 0
        shapes = manifest.reached(context.session, oids)
        self._ranks = manifest.ranks(shapes)
        self._columns = {
            (*key, column.name): column for key, shape in shapes.items() for column in shape.columns
        }
        ((database,),) = context.session.read("SELECT current_database()::text")
        self._manifest = Manifest(
            run_id=lease.run_id,
            job=lease.job,
            database=database,
            started_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            tables=list(shapes.values()),
        )
        self._checksum = self._manifest.sha256
        self._place.put(manifest.key(lease.run_id), self._manifest.as_bytes())
        context.log.info(f"archiving in {place.location}, folder {lease.run_id}")

    def keep(self, number: int, sections: Sequence[Section]) -> Kept:
        """Make the rows of a batch durable; they count once `ledger.entry` is committed.

        A batch that is tried again is a new file: the COMMIT of the first try may have succeeded
        although its answer was lost. Where `number` was used before, the next free one is taken.
        """
        for section in sections:
            if (section.schema, section.table) not in self._ranks:  # it came between two passes
                change = "it began to refer to the swept table in mid-run"
                raise identity.error(self._context, section.name, change)
        filled = _filled(sorted(sections, key=self._rank))
        first = next(filled, None)
        if first is None:
            return Kept(number, "", "", 0, {})
        self._last = max(number, self._last + 1)
        name = f"{self._lease.run_id}/{self._last:08d}.sql.gz"
        with self._place.writing(name) as target:
            rows = writer.write(target, chain([first], filled), self._columns)
            size, checksum = target.tell(), digest(target)
        return Kept(
            number=self._last,
            file=name,
            sha256=checksum,
            size_bytes=size,
            rows=dict(rows),
            location=self._place.location,
            manifest_sha256=self._checksum,
        )

    def close(self, *, complete: bool) -> None:
        """Write the manifest with every file that counts; `complete`: the sweep reached its end.

        Where that fails nothing is lost: the ledger knows the files.
        """
        context = self._context
        try:
            last = context.session.for_last_words()
            files = ledger.entered(last, self._lease.schema, self._lease.run_id)
            ended = self._manifest._replace(complete=complete, files=files)
            data = ended.as_bytes()
            if not manifest.fits(data):
                context.log.warn("the manifest has no list of files (the ledger has): too many")
                data = ended._replace(files=None).as_bytes()
            self._place.put(manifest.key(self._lease.run_id), data)
        except (MaintError, psycopg.Error) as error:
            context.log.warn(f"the manifest has no list of files (the ledger has): {error}")
            return
        context.counts |= {
            "archive": f"{self._place.location}/{self._lease.run_id}",
            "archived_count": sum(kept_rows(kept) for kept in files),
            "archive_bytes": sum(kept.size_bytes for kept in files),
        }

    def _rank(self, section: Section) -> tuple[bool, int]:
        """Links last, parents before children."""
        rank = self._ranks.get((section.schema, section.table), len(self._ranks))
        return section.kind == "links", rank


def _filled(sections: Iterable[Section]) -> Iterator[Section]:
    """The sections that have rows, each begun when it is reached."""
    for section in sections:
        rows = iter(section.rows)
        for first in rows:
            begun = chain([first], rows)
            del first  # what is held here would be held until all are written
            yield section._replace(rows=begun)
            break


def kept_rows(kept: Kept) -> int:
    """The rows in a file, without links."""
    return sum(count for name, count in kept.rows.items() if not name.endswith(" (links)"))
