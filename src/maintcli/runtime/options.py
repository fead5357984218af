"""The options that every job has."""

from maintcli.config.duration import Duration, duration
from maintcli.config.option import Kind, Option


def common(timeout: Duration) -> tuple[Option, ...]:
    """The options of any job whose own default timeout is `timeout`."""
    return (
        Option(
            name="dry_run",
            kind=Kind.FLAG,
            default=False,
            short="-n",
            configurable=False,
            help="Show what a run would do, and change nothing.",
        ),
        Option(
            name="timeout",
            kind=Kind.DURATION,
            default=timeout,
            min="1s",
            help="Stop by then; what was done is kept.",
        ),
        Option(
            name="if_locked",
            kind=Kind.CHOICE,
            default="skip",
            choices=("skip", "fail", "wait"),
            help="When another run holds this job: skip (exit 0), fail (exit 75) or wait for it.",
        ),
        Option(
            name="no_ledger",
            kind=Kind.FLAG,
            default=False,
            configurable=False,
            help="Run without the toolkit's tables: no lease, no history.",
        ),
    )


DEFAULT_TIMEOUT = duration("30m")
