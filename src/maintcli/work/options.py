"""The options that every sweeping job has."""

from maintcli.config.duration import duration
from maintcli.config.option import Kind, Option

BATCH_TARGET = duration("10ms")  # docs/performance.md says why


def sweeping(*, max_percent: float | None) -> tuple[Option, ...]:
    """The options of a sweep whose own guard is `max_percent` (None: no guard)."""
    return (
        Option(
            name="max_rows",
            kind=Kind.INTEGER,
            default=None,
            min="1",
            help="Guard: refuse (exit 65) when more rows than this are stale.",
        ),
        Option(
            name="max_percent",
            kind=Kind.PERCENT,
            default=max_percent,
            help="Guard: refuse (exit 65) when more than this share of a table is stale;"
            " tables of up to 1,000 rows pass.",
        ),
        Option(
            name="yes_really",
            kind=Kind.INTEGER,
            default=None,
            min="1",
            metavar="N",
            configurable=False,
            help="Let a run through its guards this once, as long as at most N rows are stale.",
        ),
        Option(
            name="share",
            kind=Kind.PERCENT,
            default=50.0,
            min="1",
            help="Percentage of the time to keep the server busy: 50 rests as long as it works,"
            " 100 never rests.",
        ),
        Option(
            name="batch_target",
            kind=Kind.DURATION,
            default=BATCH_TARGET,
            min="1ms",
            max="10s",
            help="The server time that a batch aims at.",
        ),
    )
