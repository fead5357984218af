"""maint cleanup-abandoned-jobs"""

from typing import Literal

from maintcli.api import Annotated, Duration, Opt, Run, Stale, Sweep, Swept, Updated, duration, job

_NEVER_STARTED = "{started_at} IS NULL AND {created_at} < {cutoff} AND {status}::text"


@job(schedule="0 1 * * *", group="Queues", engine=Sweep(max_percent=50))
def cleanup_abandoned_jobs(
    run: Run,
    *,
    older_than: Annotated[
        Duration, Opt("Time since a job was created that nobody started.", min="1h")
    ] = duration("7d"),
    action: Annotated[
        Literal["delete", "mark"], Opt("Delete them, or set their status to abandoned.")
    ] = "delete",
) -> Swept | Updated:
    """Remove document runs that were never started.

    Their rows in source_files go with them, by ON DELETE CASCADE. A run that is started meanwhile
    stays. With --action mark nothing is deleted; what was marked before is left as it is.
    """
    if action == "mark":
        pending = _NEVER_STARTED + " = {'pending'}"
        stale = Stale("processing_jobs", pending, by="created_at", older_than=older_than)
        return run.update(stale, {"status": "{'abandoned'}"})
    return run.sweep(
        "processing_jobs",
        where=_NEVER_STARTED + " IN ({'pending'}, {'abandoned'})",
        by="created_at",
        older_than=older_than,
    )
