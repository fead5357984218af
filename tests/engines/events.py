"""A job with a guard, as the tests of approval and of partitions want one."""

from maintcli.api import Annotated, Duration, Opt, Run, Sweep, Swept, duration, job

TARGET = f"{__name__}:sweep_events"


@job(schedule=None, group="Sessions", engine=Sweep(max_percent=50))
def sweep_events(
    run: Run, *, older_than: Annotated[Duration, Opt("Age.", min="1s")] = duration("90d")
) -> Swept:
    """Remove old events."""
    return run.sweep(
        "analytics_events",
        where="{occurred_at} < {cutoff}",
        by="occurred_at",
        older_than=older_than,
    )
