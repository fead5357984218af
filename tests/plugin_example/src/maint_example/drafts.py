"""maint cleanup-drafts"""

from maintcli.api import Annotated, Duration, Opt, Run, Sweep, Swept, duration, job


@job(schedule="30 2 * * *", group="Drafts", engine=Sweep(max_percent=50))
def cleanup_drafts(
    run: Run,
    *,
    older_than: Annotated[
        Duration, Opt("Age after which an untouched draft goes.", min="1d")
    ] = duration("30d"),
) -> Swept:
    """Remove drafts that nobody has touched for a long time."""
    return run.sweep(
        "drafts",
        where="{touched_at} < {cutoff} AND NOT {pinned}",
        by="touched_at",
        older_than=older_than,
        show=("id",),
    )
