"""The ways of working that a job declares, and the options that each brings."""

from dataclasses import dataclass
from typing import ClassVar

from maintcli.config.duration import duration
from maintcli.config.option import Kind, Option

BATCH_TARGET = duration("10ms")  # see docs/performance.md
MAX_REPLICA_LAG = duration("10s")
MAX_ARCHIVE_QUEUE = 100  # 1.6 GB, where segments have the usual 16 MB


_APPROVAL = (
    Option(
        name="plan",
        kind=Kind.PATH,
        default=None,
        metavar="FILE",
        configurable=False,
        needs="dry_run",
        help="With --dry-run: write what was counted to this file, for --apply.",
    ),
    Option(
        name="apply",
        kind=Kind.PATH,
        default=None,
        metavar="FILE",
        configurable=False,
        excludes="dry_run",
        help="Run as planned in this file, past the guards; refuse (exit 65) when the settings"
        " or the rows are no longer those of the plan.",
    ),
    Option(
        name="drift",
        kind=Kind.PERCENT,
        default=10.0,
        configurable=False,
        needs="apply",
        help="With --apply: how far from the plan the rows may be; 10 rows always pass,"
        " except with 0.",
    ),
)
_PARTITIONS = (
    Option(
        name="keep_detached",
        kind=Kind.FLAG,
        default=False,
        help="Detach expired partitions, and do not drop them.",
    ),
)
_PACE = (
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
_SHARD = (
    Option(
        name="shard",
        kind=Kind.TEXT,
        default=None,
        metavar="I/N",
        help="Do part I, from 0, of N that run at once: 0/4 to 3/4. auto/4 takes I from"
        " JOB_COMPLETION_INDEX.",
    ),
)
_ARCHIVE = (
    Option(
        name="archive",
        kind=Kind.LOCATION,
        default=None,
        metavar="DIR|URL",
        help="Archive the deleted rows here, for maint restore: a folder, or s3://…, gs://… or"
        " az://… (needs maintcli[storage]).",
    ),
)
_NO_ARCHIVE = (
    Option(
        name="archive",
        kind=Kind.LOCATION,
        default=None,
        metavar="DIR|URL",
        help="Refused here: no copy may be kept of erased data.",
    ),
)
_BUDGETS = (
    Option(
        name="limit",
        kind=Kind.INTEGER,
        default=None,
        min="1",
        help="Budget: delete at most this many rows; a run that leaves the rest succeeds.",
    ),
    Option(
        name="max_seconds",
        kind=Kind.INTEGER,
        default=None,
        min="1",
        help="Budget: begin no further batch after this time; the next run continues.",
    ),
)
_THROTTLES = (
    Option(
        name="throttle",
        kind=Kind.FLAG,
        default=True,
        help="Pause while a replica lags, sessions wait for a lock on the table, WAL queues up"
        " for archiving, or a vacuum works on the table.",
    ),
    Option(
        name="max_replica_lag",
        kind=Kind.DURATION,
        default=MAX_REPLICA_LAG,
        min="1s",
        help="Throttle: pause while a replica is further behind than this.",
    ),
    Option(
        name="max_archive_queue",
        kind=Kind.INTEGER,
        default=MAX_ARCHIVE_QUEUE,
        min="1",
        help="Throttle: pause while more WAL files than this wait to be archived.",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A way of working. `calls` are the methods of api.Run that it enables."""

    calls: ClassVar[tuple[str, ...]] = ()

    @property
    def options(self) -> tuple[Option, ...]:
        """The options that it brings to a job."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Update(Engine):
    """Sets columns of stale rows, in batches. It brings no options."""

    calls = ("update", "reap")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep(Engine):
    """Deletes stale rows, or updates them instead.

    `max_percent` is the job's own guard (None: no guard), `partitions` whether whole ones may be
    detached.
    """

    calls = ("sweep", "update", "reap")
    max_percent: float | None = None
    partitions: bool = True

    @property
    def options(self) -> tuple[Option, ...]:
        """Guards, approval, pace, parts, archive, budgets and throttles."""
        whole = _PARTITIONS if self.partitions else ()
        how = (*_APPROVAL, *whole, *_PACE, *_SHARD, *_ARCHIVE, *_BUDGETS, *_THROTTLES)
        return (*_guards(self.max_percent), *how)


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphans(Engine):
    """Deletes rows without a parent. `max_percent` is the job's own guard."""

    calls = ("sweep_orphans",)
    max_percent: float | None = None

    @property
    def options(self) -> tuple[Option, ...]:
        """Those of a sweep that detaches no partitions."""
        return Sweep(max_percent=self.max_percent, partitions=False).options


@dataclass(frozen=True, slots=True, kw_only=True)
class Erase(Engine):
    """Deletes the rows of users who opted out. `max_percent` is the job's own guard."""

    calls = ("erase",)
    max_percent: float | None = None

    @property
    def options(self) -> tuple[Option, ...]:
        """Those of a sweep without shards and archive."""
        how = (*_APPROVAL, *_PACE, *_NO_ARCHIVE, *_BUDGETS, *_THROTTLES)
        return (*_guards(self.max_percent), *how)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain(Engine):
    """Hands due items of a queue to a handler.

    `limit` is how many a run takes, `max_seconds` how long it goes for more, `item_timeout` how
    long one may take; None: no limit, or what is left of the run.
    """

    calls = ("drain",)
    limit: int | None = None
    max_seconds: int | None = None
    item_timeout: str | None = "30s"

    @property
    def options(self) -> tuple[Option, ...]:
        """Budgets, the time for an item, and parts."""
        return (
            Option(
                name="limit",
                kind=Kind.INTEGER,
                default=self.limit,
                min="1",
                help="Budget: take at most this many items; a run that leaves the rest succeeds.",
            ),
            Option(
                name="max_seconds",
                kind=Kind.INTEGER,
                default=self.max_seconds,
                min="1",
                help="Budget: begin no further item after this time; the next run continues.",
            ),
            Option(
                name="item_timeout",
                kind=Kind.DURATION,
                default=duration(self.item_timeout) if self.item_timeout else None,
                min="1s",
                max="1h",
                help="How long one item may take.",
            ),
            Option(
                name="shard",
                kind=Kind.TEXT,
                default=None,
                metavar="I/N",
                help="Drain beside N - 1 other runs, as number I from 0; each item goes to one of"
                " them. auto/4 takes I from JOB_COMPLETION_INDEX.",
            ),
        )


ENGINES = (Update, Sweep, Orphans, Erase, Drain)


def _guards(max_percent: float | None) -> tuple[Option, ...]:
    return (
        Option(
            name="max_rows",
            kind=Kind.INTEGER,
            default=None,
            min="1",
            help="Guard: refuse (exit 65) when more rows than this would go, of all tables.",
        ),
        Option(
            name="max_percent",
            kind=Kind.PERCENT,
            default=max_percent,
            help="Guard: refuse (exit 65) when more than this share of a table would go;"
            " tables of up to 1,000 rows pass.",
        ),
        Option(
            name="yes_really",
            kind=Kind.INTEGER,
            default=None,
            min="1",
            metavar="N",
            configurable=False,
            help="Let a run through its guards this once; refuse it (exit 65) when more than N rows"
            " would go, of all tables, those that go along foreign keys among them.",
        ),
    )
