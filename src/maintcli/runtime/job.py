"""What the runtime knows of a job: its declaration, and the order to run it."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from maintcli.config.database import DatabaseConfig
from maintcli.config.duration import Duration, duration
from maintcli.config.model import Config
from maintcli.config.option import Kind, Option
from maintcli.config.variables import Sourced
from maintcli.errors import ConfigError
from maintcli.runtime.log import Log
from maintcli.runtime.observe import Observers

if TYPE_CHECKING:
    from maintcli.errors import MaintError
    from maintcli.runtime.context import Context
    from maintcli.runtime.shard import Shard

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
        from maintcli.runtime.shard import shard

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
