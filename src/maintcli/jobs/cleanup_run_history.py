"""maint cleanup-run-history"""

from typing import LiteralString

from maintcli.api import Annotated, Duration, Opt, Run, Stale, Sweep, Swept, duration, job

_90D, _1Y = duration("90d"), duration("1y")

# Once true, these stay true: the newest run, and the newest success, only ever move on.
_RUNS: LiteralString = (
    "{started_at} < {cutoff} AND {outcome} <> 'running'"
    " AND (SELECT min(later.started_at) FROM {table} AS later"
    " WHERE later.job = {table}.job AND later.started_at > {table}.started_at) IS NOT NULL"
    " AND ({outcome} <> 'success' OR (SELECT min(later.started_at) FROM {table} AS later"
    " WHERE later.job = {table}.job AND later.started_at > {table}.started_at"
    " AND later.outcome = 'success') IS NOT NULL)"
)


@job(schedule="30 4 * * *", group="Upkeep", engine=Sweep(max_percent=50))
def cleanup_run_history(
    run: Run,
    *,
    runs: Annotated[Duration, Opt("Age of runs in the ledger.", min="1d")] = _90D,
    archived_runs: Annotated[
        Duration, Opt("The same of runs with an archive, which --runs would forget.", min="1d")
    ] = _1Y,
    attempts: Annotated[Duration, Opt("Age of attempts at items of a queue.", min="1d")] = _90D,
) -> Swept:
    """Delete old rows of maint's own run history.

    The newest run and the newest success of each job always stay. No table of yours is touched.
    """
    runs_gone = Stale("job_runs", _RUNS, "started_at", runs, final=True, own=True)
    attempts_gone = Stale(
        "job_attempts", "{started_at} < {cutoff}", "started_at", attempts, final=True, own=True
    )
    return run.sweeps([runs_gone._replace(also=_unarchived(archived_runs)), attempts_gone])


def _unarchived(age: Duration) -> str:
    """True of a run that archived nothing, or did so longer than `age` ago.

    The ledger's count would not tell: a run may be killed when only rows below its own are gone.
    """
    return (
        "NOT EXISTS (SELECT FROM {schema}.job_archives AS kept"
        " WHERE kept.run_id = {schema}.job_runs.run_id)"
        f" OR started_at < now() - make_interval(months => {age.months}, secs => {age.seconds})"
    )
