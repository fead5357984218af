"""A job, the order to run it, what the ledger records of it first, and the run in progress."""

import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from maintcli import __version__
from maintcli.config.database import DatabaseConfig
from maintcli.config.duration import Duration, duration
from maintcli.config.model import Config
from maintcli.config.option import Kind, Option
from maintcli.config.variables import Sourced
from maintcli.db.catalog.tables import Table, describe
from maintcli.db.names import Name
from maintcli.errors import ConfigError, MaintError
from maintcli.runtime.lease import Lease
from maintcli.runtime.log import Log
from maintcli.runtime.report import Observers, Report
from maintcli.runtime.session import Session
from maintcli.runtime.shard import Membership, Shard, membership, shard
from maintcli.runtime.stop import Deadline, Stop

DEFAULT_TIMEOUT = duration("30m")
Hear = Callable[[int, float | None], None]
IfThere = Literal["if there"]


class Job(NamedTuple):
    """A job's declaration. `options` are its own, whose values `body` gets.

    `needs` names what must be configured before there is anything to do: one of its options, or a
    part of maint.toml. `needs_database` is False where the work itself has none; with "if there" it
    is done also while the database is down. `secrets` and `variables` are the environment variables
    that it reads; a scheduler has to hand them on. Only secrets may lead to a file or another
    variable. `check` raises MaintError for what is wrong on the command line or in what is set,
    before there is a run.
    """

    name: str
    summary: str
    description: str
    group: str
    schedule: str | None
    timeout: Duration
    can_dry_run: bool
    options: tuple[Option, ...]
    common: tuple[Option, ...]
    body: Callable[["Context", Mapping[str, Any]], object]
    needs: str | None = None
    needs_database: bool | IfThere = True
    secrets: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    check: Callable[["Order"], None] = lambda _order: None

    @property
    def settings(self) -> tuple[Option, ...]:
        """All options: its own, and those of its way of working and of every run."""
        return (*self.options, *self.common)


class Order(NamedTuple):
    """One order to run a job: where, with which values, and who is told.

    `progress` hears, after each batch, of the rows done and the share of the way (None: unknown).
    `lacking` says, once PostgreSQL has refused something, all that this role may not do. `place`
    are the flags that name configuration and database, for a command to paste. `owns_process` is
    False for a run inside a program of someone else.
    """

    config: Config
    database: DatabaseConfig
    values: Mapping[str, Sourced[Any]]
    log: Log
    environ: Mapping[str, str]
    observers: Observers = Observers()
    progress: Hear = lambda _done, _share: None
    lacking: "Callable[[Context], MaintError | None]" = lambda _context: None
    place: Sequence[str] = ()
    owns_process: bool = True

    def value(self, name: str) -> Any:
        """The value of one option."""
        return self.values[name].value

    def secret(self, name: str) -> str:
        """The secret that the variable `name` holds or leads to; the log never shows it.

        Raises ConfigError where it is not set, blank, or leads nowhere.
        """
        found = self.config.secret(name)
        if found is None:
            raise _missing(
                name, f'set it, or set {name}="file:PATH" for a file that holds the secret'
            )
        self.log.hide(found.secret.reveal())
        return found.secret.reveal()

    def variable(self, name: str) -> str:
        """The value of the variable `name`. Raises ConfigError where it is not set, or blank."""
        found = self.config.variables.get(name)
        if found is None:
            raise _missing(name, "set it")
        if not found.value.strip():
            raise ConfigError(f"{found.origin} is blank; give it a value.")
        return found.value

    @property
    def dry_run(self) -> bool:
        """Whether to show only."""
        return bool(self.value("dry_run"))

    @property
    def is_recorded(self) -> bool:
        """Whether it takes a lease and a row of the ledger."""
        return not (self.dry_run or self.value("no_ledger"))

    @property
    def shard(self) -> "Shard | None":
        """The part of the work that is this process's; None: all of it."""
        setting = self.values.get("shard")
        if setting is None or setting.value is None:
            return None
        return shard(setting, self.environ)

    def parameters(self) -> dict[str, str]:
        """What the ledger records: every value that was set, as text."""
        return {
            name: sourced.shown or str(sourced.value)
            for name, sourced in self.values.items()
            if sourced.origin != "default" and sourced.value is not None
        }


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


def _missing(name: str, advice: str) -> ConfigError:
    return ConfigError(f"The variable {name}, which this job needs, is not set; {advice}.")


_SIGNS = (
    ("GITHUB_ACTIONS", "github"),
    ("KUBERNETES_SERVICE_HOST", "kubernetes"),
    ("RAILWAY_ENVIRONMENT_ID", "railway"),
    ("RENDER", "render"),
    ("INVOCATION_ID", "systemd"),
)


class Entry(NamedTuple):
    """What the ledger keeps of a run from its first moment. `parameters` hold no secret."""

    job: str
    run_id: str
    origin: str
    scheduled_for: datetime | None
    host: str
    runner_id: str
    version: str
    config_hash: str
    parameters: Mapping[str, str]
    part: Membership | None = None


def entry(job: Job, order: Order, report: Report) -> Entry:
    """Of this run, as it begins."""
    return Entry(
        job=job.name,
        run_id=report.run_id,
        origin=origin(order.environ),
        scheduled_for=scheduled_for(order.environ),
        host=socket.gethostname(),
        runner_id=runner_id(order.environ),
        version=__version__,
        config_hash=order.config.hash,
        parameters=order.parameters(),
        part=membership(order.shard, order.environ, order.value("timeout").approx_seconds),
    )


def new_run_id() -> str:
    """A new run id, a UUID of version 7, so that ids are in the order of time (RFC 9562)."""
    head = f"{time.time_ns() // 1_000_000:012x}"
    tail = bytearray(os.urandom(10))
    tail[0] = 0x70 | tail[0] & 0x0F
    tail[2] = 0x80 | tail[2] & 0x3F
    text = head + tail.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def origin(environ: Mapping[str, str]) -> str:
    """cron, github, kubernetes, systemd, railway, render, or manual; MAINT_ORIGIN overrides."""
    if named := environ.get("MAINT_ORIGIN"):
        return named[:40]
    # Before the others: a cron daemon may itself be a systemd service and hand on its variables.
    if _below_cron():
        return "cron"
    return next((name for variable, name in _SIGNS if environ.get(variable)), "manual")


def runner_id(environ: Mapping[str, str]) -> str:
    """JOB_RUNNER_ID, else the host's name."""
    return environ.get("JOB_RUNNER_ID") or socket.gethostname()


def scheduled_for(environ: Mapping[str, str]) -> datetime | None:
    """MAINT_SCHEDULED_FOR (ISO 8601), which our Kubernetes manifests fill in; else unknown."""
    try:
        when = datetime.fromisoformat(environ.get("MAINT_SCHEDULED_FOR", ""))
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _below_cron() -> bool:
    pid = os.getppid()
    for _ in range(4):
        try:
            name, _, rest = Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(")")
        except OSError:
            return False
        if name.lower() in {"cron", "crond"}:
            return True
        pid = int(rest.split()[1])
    return False


@dataclass(kw_only=True)
class Context:
    """A run in progress. `lease` is None in a dry run and with --no-ledger.

    `counts` are figures known so far: they reach the report however the run ends. `retention` are
    the ages that the run was let through with, for the ledger. `variables` are those of the
    environment that the job declares. `has_database` is False where the run does without.
    `names` are the tables that it has looked for. `make_run`
    makes what the job is given, of this and its engine, in place of api.Run.
    """

    job: str
    order: Order
    session: Session
    stop: Stop
    deadline: Deadline
    log: Log
    lease: Lease | None = None
    backlog: int | None = None
    counts: dict[str, Any] = field(default_factory=dict[str, Any])
    retention: dict[str, str] = field(default_factory=dict[str, str])
    variables: frozenset[str] = frozenset()
    has_database: bool = True
    names: list[Name] = field(default_factory=list[Name])
    make_run: Callable[["Context", Any], Any] | None = None

    def describe(self, name: Name) -> Table | None:
        """Describe the table called `name`, and remember it: others may lock it later, or now."""
        self.names.append(name)
        return describe(self.session, name)

    @property
    def dry_run(self) -> bool:
        """Whether to show only: a dry run sends no statement that writes."""
        return self.order.dry_run

    @property
    def shard(self) -> Shard | None:
        """The part of the work that is this run's; None: all of it."""
        return self.order.shard

    @property
    def config(self) -> Config:
        """The configuration of this run."""
        return self.order.config
