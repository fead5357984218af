"""maint archives and maint restore: what --archive has kept, removed or put back."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from maintcli.cli.location import ConfigLocation, Loudness
from maintcli.cli.operator import Json, Yes, agree, group, operator
from maintcli.cli.run import run_job
from maintcli.config import values
from maintcli.config.duration import Duration
from maintcli.config.messages import word
from maintcli.engines.archive.archives import (
    Found,
    check_no_restore,
    cutoff,
    find,
    locations,
    remove,
)
from maintcli.engines.restore.restore import JOB
from maintcli.errors import ConfigError, MissingPrivilege, Partial, Unreachable, Usage
from maintcli.output.table import Table, show
from maintcli.output.text import stamp
from maintcli.runtime.log import printable
from maintcli.runtime.session import Session
from maintcli.runtime.visit import toolkit_tables
from maintcli.words import size

_LOCATION = typer.Argument(
    metavar="DIR|URL",
    help="All archives in this place. Without it: those of the runs in this database's ledger.",
)
_AGE = typer.Option(
    "--older-than", metavar="DURATION", help="Archives of runs that ended longer ago, e.g. 90d."
)
_DRY = typer.Option("--dry-run", "-n", help="Show what would be removed, and change nothing.")
_RUN = typer.Argument(metavar="RUN", help="The run's id, or enough of its beginning.")
_TABLE = typer.Option("--table", metavar="TABLE", help="Only the rows and links of this table.")
_FROM = typer.Option(
    "--from",
    metavar="DIR|URL",
    help="Where the archive is now, if it was moved, or if the ledger has no such run.",
)
_DRY_RESTORE = typer.Option("--dry-run", "-n", help="Show what would go back, and change nothing.")
_TIMEOUT = typer.Option(
    "--timeout", metavar="DURATION", help="Stop by then; what went back stays.  [default: 6h]"
)
_NO_LEDGER = typer.Option(
    "--no-ledger",
    help="Restore without the toolkit's tables: no lease, no history. Needs --from.",
)


@operator("list")
def list_(
    place: ConfigLocation,
    *,
    location: Annotated[str | None, _LOCATION] = None,
    json: Json = False,
) -> None:
    """List archives, the oldest first."""
    with toolkit_tables(place.target(place.read_aloud()), "archives list") as (
        session,
        schema,
    ):
        found = _find(session, schema, location)
    show({"archives": [_data(one) for one in found]}, lambda: [_table(found)], json=json)


@operator("prune")
def prune(
    place: ConfigLocation,
    *,
    location: Annotated[str | None, _LOCATION] = None,
    older_than: Annotated[str, _AGE],
    dry_run: Annotated[bool, _DRY] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Remove the archives of runs that ended long ago; asks first.

    Their rows cannot be restored afterwards. Only whole archives go, and only files that a run
    wrote; a run that goes on keeps its archive.
    """
    age = _age(older_than)
    database = place.target(place.read_aloud())
    with toolkit_tables(database, "archives prune") as (session, schema):
        before = cutoff(session, age)
        old = [one for one in _find(session, schema, location) if one.ended_at < before]
        check_no_restore(session, schema)
    going, kept = [one for one in old if not one.keeps], [one for one in old if one.keeps]
    what = f"{_counted(going)} of runs that ended over {age} ago ({_total(going)})"
    results = [(one, "") for one in going]
    if going and not dry_run:
        where = ", ".join(sorted({one.location for one in going}))
        agree(f"Remove {what} in {where}? Their rows cannot be restored afterwards.", yes=yes)
        with toolkit_tables(database, "archives prune") as (session, schema):
            check_no_restore(session, schema)  # one may have begun while the question stood
        results.clear()
        for one, why in remove(going):
            results.append((one, why))
            done = "left" if why else "removed"
            sys.stderr.write(f"maint: {done} {printable(one.location)}/{one.run_id}\n")
    left = [(one, why) for one, why in results if why]
    gone = [one for one, why in results if not why]
    data = {
        "dry_run": dry_run,
        "cutoff": before,
        "removed": [_data(one) for one in gone],
        "kept": [_data(one) for one in kept],
        "left": [_data(one) | {"reason": why} for one, why in left],
    }
    show(data, lambda: _pruned(gone, kept, left, what=what, dry_run=dry_run), json=json)
    if left:
        error = Partial(f"{_counted(left)} could not be removed completely.")
        error.in_json = json
        raise error


def _age(text: str) -> Duration:
    try:
        age = values.age(text)
    except ValueError as error:
        raise Usage(f"--older-than: {error}.") from None
    if age.approx_seconds < 0:
        raise Usage(f"--older-than: {age} lies in the future; it must be at least 0.")
    return age


def _find(session: Session, schema: str, location: str | None) -> list[Found]:
    """The archives that are meant."""
    if location is not None:
        return find(session, schema, location)
    found: list[Found] = []
    for known in locations(session, schema):
        try:
            found += find(session, schema, known)
        except (ConfigError, MissingPrivilege, Unreachable) as error:
            # One place that has moved, or does not answer, keeps none from the others.
            sys.stderr.write(f"maint: {printable(str(error))}\n")
    for other in sorted({one.location for one in found if not one.is_known}):
        hint = f"to see all: maint archives list {word(other)}"
        sys.stderr.write(f"maint: {printable(other)} also has archives of other ledgers; {hint}\n")
    found = [one for one in found if one.is_known]
    return sorted(found, key=lambda one: one.started_at)


def _data(one: Found) -> dict[str, Any]:
    return {
        "run_id": one.run_id,
        "job": one.job,
        "location": one.location,
        "started_at": one.started_at,
        "ended_at": one.ended_at,
        "files": len(one.keys),
        "size_bytes": one.size_bytes,
        "in_ledger": one.is_known,
        "kept_because": one.keeps,
    }


def _table(found: Sequence[Found]) -> Table:
    columns = ("run", "job", "started (utc)", "size", "where", "note")
    rows = [
        (one.run_id, one.job, stamp(one.started_at), size(one.size_bytes), one.location, _note(one))
        for one in found
    ]
    return Table(columns, rows, "There is no archive.")


def _note(one: Found) -> str:
    return one.keeps or ("" if one.is_known else "not in this ledger")


def _counted(found: Sequence[object]) -> str:
    return "1 archive" if len(found) == 1 else f"{len(found):,} archives"


def _total(found: Sequence[Found]) -> str:
    return size(sum(one.size_bytes for one in found))


def _pruned(
    gone: Sequence[Found],
    kept: Sequence[Found],
    left: Sequence[tuple[Found, str]],
    *,
    what: str,
    dry_run: bool,
) -> Iterator[str | Table]:
    for one in kept:
        yield f"Kept {one.location}/{one.run_id}: {one.keeps}."
    for one, why in left:
        yield f"Left {one.location}/{one.run_id}: {why.rstrip('.')}."
    if dry_run and gone:
        yield _table(gone)
        yield f"Would remove {what}."
    else:
        yield f"Removed {_counted(gone)} ({_total(gone)})."


archives = group(
    "archives", "List the archives of removed rows, and remove old ones.", list_, prune
)


@operator("restore")
def restore(  # noqa: PLR0913  one for each option
    location: ConfigLocation,
    loudness: Loudness,
    *,
    run: Annotated[str, _RUN],
    table: Annotated[str | None, _TABLE] = None,
    moved: Annotated[str | None, _FROM] = None,
    dry_run: Annotated[bool, _DRY_RESTORE] = False,
    timeout: Annotated[str | None, _TIMEOUT] = None,
    no_ledger: Annotated[bool, _NO_LEDGER] = False,
    json: Json = False,
) -> int:
    """Put back the rows that a run archived and removed.

    Rows that are there already stay as they are; a restore may be repeated. It is a run of its own
    in the ledger, under the name restore.
    """
    given = {
        **asdict(location),
        **asdict(loudness),
        "run": run,
        "table": table,
        "from": moved,
        "dry_run": dry_run or None,
        "timeout": timeout,
        "no_ledger": no_ledger or None,
        "if_locked": "fail",
        "json": json,
    }
    if location.is_everywhere(location.read()):
        raise Usage("A run belongs to one database; name it: --database NAME.")
    return run_job(JOB, given)
