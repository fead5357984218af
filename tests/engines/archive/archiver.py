"""A job of these tests' own: it archives and removes stale events in batches of three."""

from psycopg import sql

from maintcli.api import Run, Stale, Swept, duration, job
from maintcli.engines.archive import ledger
from maintcli.engines.archive.archive import open_archive
from maintcli.engines.archive.writer import Section
from maintcli.engines.sweep.task import prepare

TARGET = "tests.engines.archive.archiver:archive_events"
STALE = Stale("analytics_events", "{occurred_at} < {cutoff}", "occurred_at", duration("30d"))


@job(schedule=None, group="Sessions")
def archive_events(run: Run) -> Swept:
    """Archive and remove old events."""
    context = run._context
    task = prepare(context, STALE)
    archive = open_archive(context, [task.target.table.oid])
    number = 0
    while archive is not None:
        query = sql.SQL("SELECT id::text, to_jsonb(e) FROM analytics_events e WHERE {} LIMIT 3")
        found = context.session.read_composed(query.format(task.target.predicate))
        if not found:
            archive.close(complete=True)
            break
        rows = [(row[0].encode(),) for row in found]
        kept = archive.keep(1, [Section("public", "analytics_events", ("id",), "rows", rows)])
        number += 1
        assert kept.number == number  # although each was called the first
        ids = sql.Literal([row[0] for row in found])
        gone = sql.SQL("DELETE FROM analytics_events WHERE id::text = ANY ({}); {}")
        context.session.write(gone.format(ids, ledger.entry(context.lease, kept)))
    return Swept(number * 3, 0, 0, 0, number, "", "none", {})
