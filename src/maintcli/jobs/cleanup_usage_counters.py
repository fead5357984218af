"""maint cleanup-usage-counters"""

from maintcli.api import Annotated, Duration, Opt, Run, Sweep, Swept, duration, job


@job(schedule="0 2 * * 0", group="Billing", engine=Sweep(max_percent=50))
def cleanup_usage_counters(
    run: Run,
    *,
    older_than: Annotated[
        Duration, Opt("Time since a counter's period ended.", min="1mo")
    ] = duration("13mo"),
) -> Swept:
    """Remove usage counters of periods long over.

    Months are those of the calendar: 13mo keeps the same month of last year.
    """
    return run.sweep(
        "usage_counters",
        where="{period_end} < {cutoff}",
        by="period_end",
        older_than=older_than,
        final=True,
    )
