"""--database all: every database of the configuration, one after the other, in one process."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from maintcli.cli.execute import check_names, make_log, observers
from maintcli.cli.several import One, run_several
from maintcli.config.database import DatabaseConfig, no_database
from maintcli.config.model import Config
from maintcli.errors import Code, MaintError, Usage, gravest
from maintcli.output import everywhere as present
from maintcli.output.show import show
from maintcli.runtime.everywhere import Told, together
from maintcli.runtime.job import Job
from maintcli.runtime.report import Report
from maintcli.runtime.shard import Shard, shard

_OF_ONE = ("plan", "apply")  # files that tell of one database


def names(config: Config, part: Shard | None = None) -> list[str]:
    """The databases that have a URL, in the order of their names; of a part every Nth.

    Raises ConfigError where there are none at all.
    """
    found = [n for n, one in config.databases.items() if one.url_origin(config.variables)]
    if not found:
        raise no_database("database")
    return [n for i, n in enumerate(sorted(found)) if part is None or part.has(i)]


def run_everywhere(
    jobs: Sequence[Job],
    config: Config,
    given: Mapping[str, Any],
    *,
    name: str | None = None,
) -> Code:
    """Run `jobs` in every database, whatever became of the one before; the gravest code.

    With --shard, a part of the databases. `name` is what all of it is called.
    """
    check_names(config)
    _refuse_repetition(jobs)
    title = name or jobs[0].name
    databases = names(config, None if name else _part(jobs[0], config, given))
    began, started_at = time.monotonic(), datetime.now(UTC)
    ones = [One(job, database) for database in databases for job in jobs]
    told: list[Told] = []

    def tell(one: One, report: Report) -> None:
        told.append(Told(one.database or "", report))
        if not given.get("json"):
            present.put_line(told[-1], quiet=bool(given.get("quiet")))

    with closing(make_log(title, given)) as log:
        for warning in config.warnings:
            log.warn(warning)
    code = run_several(ones, config, given, tell)
    whole = together(title, told, code=code, started_at=started_at)
    whole.dry_run = bool(given.get("dry_run"))
    whole.duration_ms = round((time.monotonic() - began) * 1000)
    for listener in observers():
        listener(whole)
    rest = [str(one.database) for one in ones[len(told) :]]
    present.put_whole(whole, told, rest, given)
    return code


def _refuse_repetition(jobs: Sequence[Job]) -> None:
    """Raise Usage for what has nothing to do with a database, and would be done for each."""
    alone = [job.name for job in jobs if not job.needs_database]
    if alone:
        raise Usage(
            f"--database all would send {', '.join(alone)} once for each database; name the"
            " one that shall hold its ledger."
        )


def each(
    config: Config,
    act: Callable[[DatabaseConfig], Mapping[str, Any]],
    view: Callable[[Mapping[str, Any]], Sequence[str]],
    *,
    json: bool,
) -> Code:
    """Do something shorter than a run to every database; the gravest code.

    `act` gives what --json shows, `view` makes lines of it.
    """
    found = [_one(config, name, act) for name in names(config)]
    code = gravest(one["exit_code"] for one in found)
    show(
        {"success": code == Code.OK, "exit_code": int(code), "databases": found},
        lambda: [
            f"{one['database']}: {line}"
            for one in found
            for line in ([one["message"]] if one["message"] else view(one))
        ],
        json=json,
    )
    return code


def _one(
    config: Config, name: str, act: Callable[[DatabaseConfig], Mapping[str, Any]]
) -> dict[str, Any]:
    head = {"database": name, "exit_code": Code.OK, "message": ""}
    try:
        return {**head, **act(config.database(name))}
    except MaintError as error:
        return {**head, "exit_code": error.exit_code, "message": str(error)}


def _part(job: Job, config: Config, given: Mapping[str, Any]) -> Shard | None:
    """The part of the databases that is meant; whatever is wrong with an option is said here."""
    values = config.resolve(job.name, job.settings, given)
    for option in _OF_ONE:
        if option in values and values[option].value is not None:
            raise Usage(f"--{option} is for one database; it does not go with all.")
    return shard(values.get("shard"), os.environ)
