"""What is said at the end of a run that leaves a backlog: how much, and when it will be gone."""

from collections.abc import Sequence

from maintcli.engines.base import backlog, forecast
from maintcli.engines.base.target import Target
from maintcli.engines.base.words import many
from maintcli.runtime.context import Context


def say(context: Context, targets: Sequence[Target], why: str) -> None:
    """Measure the backlog of `targets` and put it, with its forecast, into report and log.

    `why` says, as a clause, what ended the run before its work was done.
    """
    left = backlog.measure(context, targets)
    context.backlog = left.rows if left else None
    if left is None:
        context.log.info(f"{why}; how many stale rows are left takes long to count")
        return
    about = "about " if left.is_estimate else ""
    if not left.rows:
        context.log.info(f"{why}; no stale row is left")
        return
    found = forecast.make(context, left.rows, estimated=left.is_estimate)
    context.counts["forecast"] = found.as_dict()
    context.log.info(f"{why}; {about}{many(left.rows, 'stale row')} left: {found.outlook}")
