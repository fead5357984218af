"""maint cleanup-old-analytics"""

from typing import Literal

from maintcli.api import Annotated, Duration, Opt, Run, Stale, Sweep, Swept, duration, job


@job(schedule="0 3 * * 0", group="Analytics", engine=Sweep(max_percent=50))
def cleanup_old_analytics(
    run: Run,
    *,
    older_than: Annotated[Duration, Opt("Age after which analytics go.", min="1d")] = duration(
        "365d"
    ),
    tables: Annotated[
        Literal["both", "events", "daily"], Opt("The events, the daily totals, or both.")
    ] = "both",
) -> Swept:
    """Remove old analytics events and daily totals.

    A day's totals go when the whole day is older. With --tables events they are kept for good.
    """
    events = Stale(
        "analytics_events", "{occurred_at} < {cutoff}", "occurred_at", older_than, final=True
    )
    daily = Stale("daily_analytics", "{day} < {cutoff}", "day", older_than, final=True)
    return run.sweeps({"both": [events, daily], "events": [events], "daily": [daily]}[tables])
