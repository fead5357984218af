"""What this role lacks for the jobs of the configuration: every GRANT in one block."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

from maintcli.api import Run, Stale
from maintcli.cli.declared import declared
from maintcli.cli.options import read_words
from maintcli.config.database import DatabaseConfig
from maintcli.config.model import Config
from maintcli.config.scheduler import option_words
from maintcli.config.variables import Sourced
from maintcli.db.sqlstate import one_line
from maintcli.engines import rights
from maintcli.engines.rights import Missing, Right
from maintcli.errors import Fail, MaintError, MissingPrivilege
from maintcli.runtime.context import Context, Job, Order
from maintcli.runtime.log import Level, Log
from maintcli.runtime.session import Session

_MOST_NAMED = 3
_OWN_SQL = "It begins with SQL of its own."


class _Told(BaseException):
    """What the step needs; it ends a job there, whatever that catches."""

    def __init__(self, found: Iterable[Right]) -> None:
        super().__init__()
        self.found = list(found)


class _Asked(Run):
    """A job's run that tells what its first step needs, and ends there; it changes nothing."""

    @property
    def dry_run(self) -> bool:
        """True, for what a plugin does beside the database."""
        return True

    def sweeps(self, stales: Sequence[Stale]) -> Any:
        raise _Told(rights.of_sweeps(self._context, stales))

    def update(self, stale: Stale, values: Mapping[str, str]) -> Any:
        raise _Told(rights.of_update(self._context, stale, values))

    def reap(self, *_: object, **__: object) -> Any:
        raise _Told(rights.of_reap(self._context))

    def sweep_orphans(self, pairs: Sequence[str], **_: object) -> Any:
        raise _Told(rights.of_orphans(self._context, pairs, self._context.job))

    def erase(self, tables: Sequence[str], **_: object) -> Any:
        raise _Told(rights.of_erasure(self._context, tables, self._context.job))

    def drain(self, *_: object, **__: object) -> Any:
        raise Fail("It drains a queue.")

    def query(self, *_: object, **__: object) -> Any:
        raise Fail(_OWN_SQL)

    def change(self, *_: object, **__: object) -> Any:
        raise Fail(_OWN_SQL)


class Survey(NamedTuple):
    """The rights that were looked for, those that are missing, and why a job was passed over."""

    role: str
    needed: list[Right]
    missing: Missing
    passed: dict[str, str]

    @property
    def tables(self) -> list[dict[str, Any]]:
        """Each table with the privileges that are needed on it, and those that are missing."""
        found: dict[str, dict[str, Any]] = {}
        for right in self.needed:
            name = f"{right.schema}.{right.table}"
            one = found.setdefault(name, {"table": name, "needed": [], "missing": []})
            one["needed"].append(right.shown)
            if right.schema in self.missing.schemas and not one["missing"]:
                one["missing"].append("USAGE")  # of the schema
            if right in self.missing.rights:
                one["missing"].append(right.shown)
        return [one | {"role": self.role, "ok": not one["missing"]} for one in found.values()]

    def error(self, whose: str) -> MissingPrivilege | None:
        """The error that says what is missing, with the GRANTs; None where nothing is."""
        statements = self.missing.statements(self.role)
        if not statements:
            return None
        tables = [f"{right.schema}.{right.table}" for right in self.missing.rights]
        named = list(dict.fromkeys(tables)) or [f"schema {one}" for one in self.missing.schemas]
        more = [f"{len(named) - _MOST_NAMED} more"] if len(named) > _MOST_NAMED else []
        *first, last = [*named[:_MOST_NAMED], *more]
        on = " and ".join([*([", ".join(first)] if first else []), last])
        return MissingPrivilege(
            f"Role {self.role} lacks privileges that {whose} on {on}. Let a superuser, or the"
            " owner, run these statements.",
            statements=statements,
        )


def survey(config: Config, database: DatabaseConfig, session: Session) -> Survey:
    """Look through the toolkit's tables, and those of the enabled jobs."""
    values = {name: Sourced(False, "default") for name in ("dry_run", "no_ledger")}
    log = Log("db check", Level.ERROR)
    context = Context(
        job="db check",
        order=Order(config, database, values, log, {}),
        session=session,
        stop=session.stop,
        deadline=session.deadline,
        log=log,
    )
    found, passed = _of_enabled(context)
    return _survey(context, [*rights.of_ledger(context), *found], passed)


def lacking(job: Job, context: Context) -> MaintError | None:
    """The error of a run of `job` that lacks rights; None where its tables are open to it.

    A dry run asks for what it needs itself; another run for all enabled jobs as well.
    """
    context = replace(context, log=Log(context.job, Level.ERROR))
    context.session.look_into_closed_schemas()
    found = list(rights.of_ledger(context))
    with suppress(MaintError):
        found += _of(job, context)
    if context.dry_run:
        found = [right for right in found if right.privilege == "SELECT"]
        return _survey(context, found).error("this dry run needs")
    if _survey(context, found).error("") is None:
        return None
    with suppress(MaintError):
        database = context.order.database
        found += survey(context.config, database, context.session).needed
    return _survey(context, found).error("maint and the enabled jobs need")


def _survey(
    context: Context, found: Iterable[Right], passed: Mapping[str, str] | None = None
) -> Survey:
    needed = rights.needed(found)
    ((role,),) = context.session.read("SELECT current_user::text")
    return Survey(role, needed, rights.missing(context.session, needed), dict(passed or {}))


def _of_enabled(context: Context) -> tuple[list[Right], dict[str, str]]:
    """What the enabled jobs need, and why a job could not be asked."""
    found, passed = list[Right](), dict[str, str]()
    for job, given in _enabled(context.config):
        try:
            values = context.config.resolve(job.name, job.settings, given)
            order = context.order._replace(values=values)
            found += _of(job, replace(context, job=job.name, order=order))
        except MaintError as error:
            passed[job.name] = str(error)
    return found, passed


def _of(job: Job, context: Context) -> list[Right]:
    """What a run of `job` needs on its tables. Raises MaintError where that cannot be known."""
    if job.needs_database is not True:  # what else the job does would be done, too
        return []
    if not job.can_dry_run:
        raise Fail("It has no dry run, which would tell.")
    context = replace(context, make_run=_Asked)
    try:
        job.body(context, {option.name: context.order.value(option.name) for option in job.options})
    except MaintError:
        raise
    except _Told as told:
        return [*rights.of_slot(context), *told.found]
    except Exception as error:  # whatever a stranger's job does
        raise Fail(f"{type(error).__name__}: {one_line(str(error))}.") from error
    return []


def _enabled(config: Config) -> Iterable[tuple[Job, Mapping[str, object]]]:
    """The jobs that maint.toml names, and the options that it gives them."""
    jobs = declared(config)
    for one in jobs.values():
        if one.is_enabled and one.is_configured:
            given = read_words(one.job, one.options, config.section(one.job.name))
            yield one.job, given
    for planned in config.schedules:
        if planned.job in jobs and planned.boolean("enabled") is not False:
            job = jobs[planned.job].job
            yield job, read_words(job, option_words(planned), planned)
