"""What a sweep would do: the same questions, in READ ONLY transactions."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from math import ceil

from maintcli.runtime.context import Context
from maintcli.work import count
from maintcli.work.plan import Plan
from maintcli.work.result import Swept
from maintcli.work.target import Target

_DELETE_SECONDS_A_ROW = 1e-6  # on top of reading it; measured in docs/performance.md


def preview(context: Context, target: Target, plans: Sequence[Plan]) -> Swept:
    """Count what is stale, and say by which plan, in how many batches, and how long."""
    began = time.perf_counter()
    stale = count.stale(context, target)
    work_seconds = time.perf_counter() - began + stale * _DELETE_SECONDS_A_ROW
    order = context.order
    batches = ceil(work_seconds / order.value("batch_target").approx_seconds) if stale else 0
    seconds = work_seconds * 100 / order.value("share")
    nulls, remaining = count.nulls(context, target), count.remaining(context, target)
    context.backlog = stale
    context.log.info(
        f"would delete {stale:,} rows of {target.table} older than {moment(target.cutoff)},"
        f" in at least {batches:,} batches and {seconds:.1f} s"
    )
    for chosen in plans:
        context.log.info(f"{chosen.part}: {chosen.way} plan, because {chosen.why}")
    left = remaining - stale if remaining is not None else None
    swept = Swept(stale, 0, nulls, left, batches, moment(target.cutoff), ways(plans))
    # Known already, should a guard refuse what comes out.
    context.counts |= {**asdict(swept), "expected_seconds": round(seconds, 2)}
    return swept


def moment(when: datetime) -> str:
    """A time as JSON and people read it."""
    return when.isoformat(timespec="microseconds").replace("+00:00", "Z")


def ways(plans: Sequence[Plan]) -> str:
    """The plans used, in one word or two."""
    return "+".join(sorted({chosen.way.value for chosen in plans})) or "none"
