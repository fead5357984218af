"""maint reconcile-stragglers"""

from maintcli.api import Annotated, Duration, Opt, Reaped, Run, Update, duration, job


@job(schedule="0 4 * * *", group="Queues", engine=Update())
def reconcile_stragglers(
    run: Run,
    *,
    running_for: Annotated[
        Duration, Opt("Longer than any job of yours may take.", min="1m")
    ] = duration("1h"),
) -> Reaped:
    """Put jobs back whose runner has died.

    They become pending again, with the reason in error_message, and failed the third time
    (retry_count). A job whose lease (locked_until) has not ended is left alone. A table without
    columns for a lease, or without started_at, is served too: then updated_at or created_at says
    since when a job runs.
    """
    reaped = run.reap(running_for)
    if reaped.failed_count:
        verb = "would be" if run.dry_run else "were"
        run.warn(f"{reaped.failed_count:,} jobs {verb} given up: their runner died 3 times")
    return reaped
