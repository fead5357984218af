"""Listing archives with their run, age and size, and removing them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from psycopg import sql

from maintcli.config.duration import Duration
from maintcli.db import toolkit
from maintcli.engines.archive import manifest
from maintcli.errors import MaintError, NoSuchFile, Refused, TryAgain
from maintcli.runtime import history
from maintcli.runtime.history import PastRun
from maintcli.runtime.session import Session
from maintcli.services.storage import Storage, storage

# What a run writes into its folder; the last are files that a kill has left half written.
_OURS = re.compile(r"[0-9]{8,}\.sql\.gz|manifest\.json|\.\w{8}\.tmp")

_LOCATIONS = sql.SQL("SELECT DISTINCT location FROM {archives} ORDER BY location")

_CUTOFF = """SELECT clock_timestamp() - make_interval(months => %(months)s::integer,
                                          secs => %(seconds)s::double precision)"""

_RESTORING = sql.SQL("""SELECT r.run_id::text FROM {runs} AS r JOIN {heartbeats} AS h
ON h.lease_run_id = r.run_id WHERE r.job = 'restore' AND h.lease_expires_at {live}""")


class Found(NamedTuple):
    """The archive of a run. `keeps` is why it must not be removed, blank where it may be.

    `keys` are the files that the run wrote, the manifest last. `is_known`: the ledger has the run.
    """

    run_id: str
    job: str
    place: Storage
    started_at: datetime
    ended_at: datetime
    size_bytes: int
    keys: Sequence[str]
    is_known: bool
    keeps: str

    @property
    def location(self) -> str:
        """The folder or bucket that it is in."""
        return self.place.location


class Known(NamedTuple):
    """What the ledger knows of runs: by id, and those of which a part is still running."""

    runs: dict[str, PastRun]
    running: frozenset[str]


def locations(session: Session, schema: str) -> list[str]:
    """Where the runs of the ledger were archived."""
    query = _LOCATIONS.format(archives=sql.Identifier(schema, "job_archives"))
    return [location for (location,) in session.read_composed(query, ours=True)]


def find(session: Session, schema: str, location: str) -> list[Found]:
    """The archives in a place, the oldest first.

    Raises ConfigError, Unreachable, MissingPrivilege.
    """
    place = storage(location, "archives")
    ids = [name for name in place.folders() if _is_run(name)]
    known = _known(session, schema, ids)
    found = [one for run_id in ids if (one := _look(place, run_id, known)) is not None]
    return sorted(found, key=lambda one: one.started_at)


def cutoff(session: Session, age: Duration) -> datetime:
    """The time `age` ago, by the database's clock."""
    moment: datetime
    ((moment,),) = session.read(_CUTOFF, {"months": age.months, "seconds": age.seconds})
    return moment.astimezone(UTC)


def check_no_restore(session: Session, schema: str) -> None:
    """Raise TryAgain while a restore is running: it reads what would be removed."""
    names = {name: sql.Identifier(schema, f"job_{name}") for name in ("runs", "heartbeats")}
    query = _RESTORING.format(**names, live=toolkit.LIVE)
    for (run_id,) in session.read_composed(query, ours=True):
        raise TryAgain(
            f"A restore is in progress (run {run_id}); prune archives once it has ended."
        )


def remove(found: Iterable[Found]) -> Iterator[tuple[Found, str]]:
    """Remove archives; yield each with why something of it is left, blank if nothing is."""
    for one in found:
        try:
            gone = one.place.remove(one.run_id, one.keys)
        except MaintError as error:
            yield one, str(error)
        else:
            yield one, "" if gone else "its folder holds other files, which stay"


def _is_run(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False


def _known(session: Session, schema: str, ids: Sequence[str]) -> Known:
    runs = history.members(session, schema, ids, ())
    groups = sorted({run.run_group for run in runs if run.run_group is not None})
    every = [*runs, *history.members(session, schema, (), groups)]
    going = {(run.job, run.run_group or run.run_id) for run in every if run.outcome == "running"}
    return Known(
        runs={run.run_id: run for run in runs},
        running=frozenset(r.run_id for r in runs if (r.job, r.run_group or r.run_id) in going),
    )


def _look(place: Storage, run_id: str, known: Known) -> Found | None:
    """The archive in the folder of this name; None where that is something else."""
    files = place.list(run_id)
    keys = [key for key in files if _OURS.fullmatch(key.removeprefix(f"{run_id}/"))]
    keys.sort(key=lambda key: (key == manifest.key(run_id), key))
    run, keeps = known.runs.get(run_id), ""
    if not keys:
        return None
    if run is not None:
        job, started_at, ended_at = run.job, run.started_at, run.finished_at or run.started_at
        keeps = "the run is in progress" if run_id in known.running else ""
    else:
        try:
            said = manifest.parse(run_id, place.get(manifest.key(run_id), manifest.MOST_BYTES))
            job, started_at = said.job, datetime.fromisoformat(said.started_at).astimezone(UTC)
        except (Refused, NoSuchFile, ValueError, OverflowError):
            return None
        ended_at = started_at
        if said.files is None:
            keeps = "the ledger does not know the run, and its manifest does not say that it ended"
    return Found(
        run_id=run_id,
        job=job,
        place=place,
        started_at=started_at,
        ended_at=ended_at,
        size_bytes=sum(files[key] for key in keys),
        keys=keys,
        is_known=run is not None,
        keeps=keeps,
    )
