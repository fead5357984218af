"""maint cleanup-queues"""

from typing import Literal, LiteralString

from maintcli.api import Annotated, Duration, Opt, Run, Stale, Sweep, Swept, duration, job, needs

_IS = " AND {status}::text = "
# Each queue's finished rows, and the column that says since when. Dead letters are in none.
_FINISHED: dict[str, tuple[LiteralString, str]] = {
    "jobs": ("{finished_at} < {cutoff}" + _IS + "{'completed'}", "finished_at"),
    "outbox": ("{delivered_at} < {cutoff}" + _IS + "{'delivered'}", "delivered_at"),
    "inbound_emails": ("{seen_at} < {cutoff}" + _IS + "{'received'}", "seen_at"),
    "email_given_up": ("{given_up_at} < {cutoff} AND {notified_at} IS NOT NULL", "given_up_at"),
    "cron_fires": ("{fired_at} < {cutoff}", "fired_at"),
    "export_jobs": ("{created_at} < {cutoff}" + _IS + "{'completed'}", "created_at"),
}
Queue = Literal["jobs", "outbox", "inbound_emails", "email_given_up", "cron_fires", "export_jobs"]


@needs("tables")
@job(schedule="45 4 * * *", group="Queues", engine=Sweep(max_percent=50))
def cleanup_queues(
    run: Run,
    *,
    tables: Annotated[
        tuple[Queue, ...],
        Opt("The queues to clean, by their names in the reference schema.", metavar="TABLE,…"),
    ] = (),
    older_than: Annotated[Duration, Opt("Time since a row was finished.", min="1d")] = duration(
        "90d"
    ),
) -> Swept:
    """Delete finished rows of the queues that you name.

    Finished means: a completed job or export, a delivered webhook, a received mail that was seen, a
    given-up mail whose digest was sent, a fire of a database cron. Dead letters are never deleted:
    failed jobs, dead webhooks and exports, quarantined mail. An export's age counts from
    created_at, since it has no other time.
    """
    return run.sweeps(
        [Stale(table, *_FINISHED[table], older_than=older_than) for table in dict.fromkeys(tables)]
    )
