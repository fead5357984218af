"""What a job is written against, inside this package and in plugins; the only stable module.

A job is a typed function. Its signature is its command line, its section in maint.toml and its
environment variables; its first docstring line is its summary; its result, a frozen dataclass,
is what the report, the JSON and the ledger show.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, Annotated, Any, Literal, LiteralString

from psycopg.errors import ReadOnlySqlTransaction

from maintcli.config.duration import Duration, duration
from maintcli.config.option import Opt, Option, options
from maintcli.engines.base.options import ENGINES, Drain, Engine, Erase, Orphans, Sweep, Update
from maintcli.engines.base.stale import Stale
from maintcli.engines.sweep.result import Swept
from maintcli.engines.update.result import Reaped, Updated
from maintcli.errors import Bug, ConfigError, Fail, MaintError, Partial, Refused, Skip
from maintcli.runtime.context import DEFAULT_TIMEOUT, Context, Job, Order, common
from maintcli.runtime.report import Report

if TYPE_CHECKING:
    from psycopg.sql import Composable

    from maintcli.engines.base.named import Names
    from maintcli.engines.drain.queue import (
        Backoff,
        Drained,
        Handler,
        Insert,
        Item,
        Move,
        Queue,
        Result,
        Verdict,
        WouldDrain,
    )
    from maintcli.engines.erase.counters import Erased

__all__ = [
    "Annotated",
    "Backoff",
    "Drain",
    "Drained",
    "Duration",
    "Erase",
    "Erased",
    "Fail",
    "Handler",
    "Insert",
    "Item",
    "Job",
    "MaintError",
    "Move",
    "Opt",
    "Orphans",
    "Partial",
    "Queue",
    "Reaped",
    "Refused",
    "Report",
    "Result",
    "Run",
    "Skip",
    "Stale",
    "Sweep",
    "Swept",
    "Update",
    "Updated",
    "Verdict",
    "WouldDrain",
    "duration",
    "job",
    "needs",
    "run_job",
]


class Run:
    """What a job is given: the engines, the database, its secrets and its log."""

    def __init__(self, context: Context, engine: Engine | None = None) -> None:
        self._context = context
        self._engine = engine
        self._names: Names | None = None

    @property
    def dry_run(self) -> bool:
        """Whether to show only. `sweep` and `query` heed it by themselves."""
        return self._context.dry_run

    @property
    def has_database(self) -> bool:
        """Whether `query` and `change` can work: False for a job that does without."""
        return self._context.has_database

    def sweep(
        self,
        table: str,
        *,
        where: LiteralString,
        by: str,
        older_than: Duration,
        show: Sequence[str] = (),
        final: bool = False,
    ) -> Swept:
        """Delete the rows of `table` for which `where` holds, in batches safe to kill.

        Names are the reference schema's; the user's own come from the configuration. `where` is
        SQL with columns, statuses (`{'pending'}`) and `{cutoff}` in braces, `by` the column that
        says a row's age, `show` the columns that a removed row is logged by (their first 8
        characters). `final` promises that a stale row can never become fresh again.
        """
        return self.sweeps([Stale(table, where, by, older_than, tuple(show), final)])

    def sweeps(self, stales: Sequence[Stale]) -> Swept:
        """Sweep several tables as one: no row of any is deleted before the guards saw them all."""
        self._expect("sweep")
        from maintcli.engines.sweep.sweep import sweep_tables

        return sweep_tables(self._context, stales)

    def retention_rules(self) -> tuple[Stale, ...]:
        """What each [[retention]] rule of the configuration calls stale, to be swept.

        Raises ConfigError where there is no rule, Refused for one that keeps nothing.
        """
        from maintcli.engines.base import stale

        return stale.rules(self._context)

    def update(self, stale: Stale, values: Mapping[str, LiteralString]) -> Updated:
        """Set columns of the rows that `stale` describes, in batches safe to kill.

        `values` are SQL that names no column, with a status as `{'pending'}` and other braces
        doubled. In a dry run the rows are counted.
        """
        self._expect("update")
        from maintcli.engines.update.update import update

        return update(self._context, stale, values)

    def reap(self, running_for: Duration | None = None) -> Reaped:
        """Put jobs whose runner died back to pending, or to failed the third time.

        Those are the running ones whose lease is over; with `running_for` also those without a
        lease, and all of them only after that time.
        """
        self._expect("reap")
        from maintcli.engines.update.reap import reap

        return reap(self._context, running_for=running_for)

    def sweep_orphans(self, pairs: Sequence[str], *, older_than: Duration) -> Swept:
        """Delete rows that have had no parent for that long, in two looks; safe to kill.

        A pair is "child.column -> parent.column", with "by column" behind it where the child's age
        is not in created_at. Raises Partial where rows of other tables hold on to orphans.
        """
        self._expect("sweep_orphans")
        from maintcli.engines.orphans import sweep_orphans

        return sweep_orphans(self._context, pairs, older_than)

    def erase(self, tables: Sequence[str], *, opted_out_for: Duration) -> "Erased":
        """Delete what `tables` hold of the users who opted out, and certify it; safe to kill.

        Each is a "table.column" that holds a user's key. Raises Partial where rows of other tables
        hold on to a user's rows; the others are erased by then.
        """
        self._expect("erase")
        from maintcli.engines.erase.erasure import erase_users

        return erase_users(self._context, tables, opted_out_for)

    def drain(self, queue: "Queue", handle: "Handler") -> "Drained | WouldDrain":
        """Hand each due item of `queue` to `handle`, and settle what it answers; safe to kill.

        Each item is claimed, acted upon with no transaction open, and settled, so a kill repeats
        at most one. Raises Partial where items were given up, and Unreachable where their provider
        is down, which counts against no item.
        """
        self._expect("drain")
        from maintcli.engines.drain.drain import drain

        return drain(self._context, queue, handle)

    def query(
        self, sql: LiteralString, params: Mapping[str, Any] | Sequence[Any] | None = None
    ) -> list[tuple[Any, ...]]:
        """Run one query in a READ ONLY transaction, bounded by the deadline; return its rows.

        `{tables.jobs}` is the user's name of the reference schema's table, `{jobs.status}` of its
        column, `{jobs.'pending'}` of its status. Raises ConfigError for one that is not there. Of
        a job of another package, other names are those of its role, after the catalog's.
        """
        try:
            return self._context.session.read_composed(self._filled(sql, params), params)
        except ReadOnlySqlTransaction as error:
            said = error.diag.message_primary
            raise Bug(
                f"{self._context.job} writes by run.query: {said}. Use run.change for that SQL."
            ) from error

    def change(
        self, sql: LiteralString, params: Mapping[str, Any] | Sequence[Any] | None = None
    ) -> int:
        """Run one statement that writes, as one transaction with the ledger; return its row count.

        Names are filled in as by `query`. After a lost connection the ledger says whether it
        counted, so it takes effect once. Raises Refused in a dry run: a job asks `dry_run` before
        it changes anything.
        """
        from maintcli.engines.update.change import change

        return change(self._context, self._filled(sql, params), params)

    def _filled(self, sql: LiteralString, params: object) -> "Composable":
        from maintcli.engines.base.named import Names

        self._names = self._names or Names(self._context)
        return self._names.fill(sql, has_params=params is not None)

    def secret(self, name: str) -> str:
        """The value of a variable that the job declares in `secrets`; no log ever shows it."""
        self._expect_declared(name, "secrets")
        return self._context.order.secret(name)

    def variable(self, name: str) -> str:
        """The value of a variable that the job declares in `variables`."""
        self._expect_declared(name, "variables")
        return self._context.order.variable(name)

    def info(self, sentence: str) -> None:
        """Log how it goes."""
        self._context.log.info(sentence)

    def warn(self, sentence: str) -> None:
        """Log, and report, what a person should look at."""
        self._context.log.warn(sentence)

    def check(self) -> None:
        """Raise when the run must stop: call it between items of long work."""
        self._context.stop.check()

    def _expect_declared(self, name: str, where: str) -> None:
        """Raise Bug for a variable that schedulers would not hand on."""
        if name not in self._context.variables:
            raise Bug(
                f"{self._context.job} reads the variable {name} without a declaration; in the"
                f' job\'s code, write @job({where}=("{name}",), …).'
            )

    def _expect(self, call: str) -> None:
        """Raise Bug where the job lacks the options that `call` reads."""
        if self._engine is None or call not in self._engine.calls:
            fitting = next(engine.__name__ for engine in ENGINES if call in engine.calls)
            raise Bug(
                f"{self._context.job} calls run.{call}, and its declaration names no engine for"
                f" that; in the job's code, write @job(engine={fitting}(), …). No row was touched"
                " by that call."
            )


def job(  # noqa: PLR0913  a declaration, each part by its name
    *,
    schedule: str | None,
    group: str,
    engine: Engine | None = None,
    timeout: str = str(DEFAULT_TIMEOUT),
    dry_run: bool = True,
    name: str | None = None,
    secrets: Sequence[str] = (),
    variables: Sequence[str] = (),
    needs_database: bool | Literal["if there"] = True,
) -> Callable[[Callable[..., object]], Job]:
    """Declare a function as a job.

    `schedule` is a cron expression (None: never by itself) for those who enable the job in
    maint.toml, `engine` its way of working with that engine's options (None: the job uses query and
    change alone), `timeout` a duration, `dry_run` whether it can show without doing. `secrets` and
    `variables` are the environment variables that it reads by `run.secret` and `run.variable`:
    schedulers hand them on, and a run without one ends with 78 before it connects. With
    `needs_database="if there"` a run whose database is down, or not configured, does its work all
    the same, after a few seconds; `run.has_database` tells. Raises TypeError for a signature that
    cannot be a command line, and for an engine that is none.
    """
    _check_variables((secrets, variables))
    if not isinstance(engine, Engine | None):  # pyright: ignore[reportUnnecessaryIsInstance]  a plugin may be untyped
        raise TypeError(f"engine is {engine!r}; write an engine with its options: engine=Sweep()")

    def declare(function: Callable[..., object]) -> Job:
        description = inspect.getdoc(function) or ""
        own = options(function)
        limit = duration(timeout)
        return Job(
            name=name or function.__name__.replace("_", "-"),
            summary=description.partition("\n")[0],
            description=description,
            group=group,
            schedule=schedule,
            timeout=limit,
            can_dry_run=dry_run,
            options=own,
            common=(*(engine.options if engine else ()), *common(limit)),
            body=_body(function, own, engine),
            check=partial(_check_command_line, own),
            needs_database=needs_database,
            secrets=tuple(dict.fromkeys(secrets)),
            variables=tuple(name for name in dict.fromkeys(variables) if name not in secrets),
        )

    return declare


def run_job(
    name: str,
    *,
    database_url: str | None = None,
    database: str | None = None,
    config: str | PathLike[str] | None = None,
    **options: object,
) -> Report:
    """Run the job `name` once in this process and thread, as `maint NAME` would in one of its own.

    `options` are those of its command line, with underscores, as text or as Python values:
    `run_job("cleanup-sessions", stale_after="2m", dry_run=True)`. The rest comes from `config`
    (else ./maint.toml) and the environment. `database_url` stands in for DATABASE_URL; `database`
    is a name under [databases].

    The report says how the run ended, whatever it met. Raises MaintError for wrong usage and a
    wrong configuration, before there is a run. The process is its caller's: no exit, no signal
    handler, no observer. Ctrl-C ends the run, which the ledger records; then KeyboardInterrupt is
    raised.
    """
    from maintcli.cli.in_process import (
        run_job as run,  # it stands above all others, as the command does
    )

    return run(name, options, database_url=database_url, database=database, config=config)


def needs(part: str) -> Callable[[Job], Job]:
    """Say that there is nothing to do until `part` is configured, so that no run is expected.

    `part` is one of the job's own options, or `retention`, the rules of maint.toml. Raises
    TypeError where it is neither.
    """

    def mark(declared: Job) -> Job:
        if part == "retention":
            return declared._replace(needs=part)
        option = next((option for option in declared.options if option.name == part), None)
        if option is None:
            raise TypeError(f"{declared.name}: there is no {part} that could be configured")

        def body(context: Context, values: Mapping[str, Any]) -> object:
            if not values[part]:
                raise ConfigError(
                    f"{declared.name} works only on what you name. Give {option.flag}, or"
                    f" {option.key} under [jobs.{declared.name}] in {context.config.where}."
                )
            return declared.body(context, values)

        return declared._replace(needs=part, body=body)

    return mark


def _check_variables(lists: Sequence[Sequence[str]]) -> None:
    """Raise TypeError for a list that is none, and for a name that no variable can have."""
    for names in lists:
        wrong = [name for name in names if not (name.isidentifier() and name.isascii())]
        if isinstance(names, str) or wrong:
            raise TypeError(
                f'{names!r} are no names of variables; write a tuple: secrets=("SMTP_PASSWORD",)'
            )


def _check_command_line(own: Sequence[Option], order: Order) -> None:
    """Raise MaintError where what was typed can only be wrong, whatever the database holds."""
    for option in own:
        value, origin, _ = order.values[option.name]
        if origin == option.flag and (clause := _out_of_bounds(option, value)):
            raise _refused(origin, clause)
    if "apply" in order.values:
        from maintcli.engines.base import approval

        approval.look_ahead(order)


def _out_of_bounds(option: Option, value: object) -> str | None:
    return None if value is None else option.check_bounds(value)


def _refused(origin: str, clause: str) -> Refused:
    return Refused(f"{origin}: {clause}. Nothing was touched.")


def _body(
    function: Callable[..., object], own: Sequence[Option], engine: Engine | None
) -> Callable[[Context, Mapping[str, Any]], object]:
    def body(context: Context, values: Mapping[str, Any]) -> object:
        for option in own:
            if clause := _out_of_bounds(option, values[option.name]):
                raise _refused(context.order.values[option.name].origin, clause)
        if not function.__module__.startswith("maintcli."):
            context.session.runs_code_of_users = True
        return function((context.make_run or Run)(context, engine), **values)

    return body


_LATE = {
    "Erased": "erase.counters",
    **dict.fromkeys(
        (
            *("Backoff", "Drained", "Handler", "Insert", "Item", "Move"),
            *("Queue", "Result", "Verdict", "WouldDrain"),
        ),
        "drain.queue",
    ),
}


def __getattr__(name: str) -> object:
    """Import what few jobs use when it is asked for: each start would pay for it."""
    if name in _LATE:
        from importlib import import_module

        return getattr(import_module(f"maintcli.engines.{_LATE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
