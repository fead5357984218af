"""maint cleanup-run-history"""

from typing import LiteralString

from maintcli.api import Annotated, Duration, Opt, Run, Stale, Swept, duration, job

_90D, _1Y = duration("90d"), duration("1y")

# Once true, these stay true: the newest run, and the newest success, only ever move on.
_RUNS = (
    "{started_at} < {cutoff} AND {outcome} <> 'running'"
    " AND (SELECT min(later.started_at) FROM {table} AS later"
    " WHERE later.job = {table}.job AND later.started_at > {table}.started_at) IS NOT NULL"
    " AND ({outcome} <> 'success' OR (SELECT min(later.started_at) FROM {table} AS later"
    " WHERE later.job = {table}.job AND later.started_at > {table}.started_at"
    " AND later.outcome = 'success') IS NOT NULL)"
)
_IS = " AND {status}::text = "


@job(schedule="30 4 * * *", group="Upkeep", max_percent=50)
def cleanup_run_history(  # noqa: PLR0913  an age for each table
    run: Run,
    *,
    runs: Annotated[Duration, Opt("Age of runs in the ledger.", min="1d")] = _90D,
    archived_runs: Annotated[
        Duration, Opt("The same of runs with an archive, which --runs would forget.", min="1d")
    ] = _1Y,
    attempts: Annotated[Duration, Opt("Age of attempts at items of a queue.", min="1d")] = _90D,
    fires: Annotated[Duration, Opt("Age of fires of database crons.", min="1d")] = _90D,
    outbox: Annotated[Duration, Opt("Time since a webhook was delivered.", min="1d")] = _90D,
    jobs: Annotated[Duration, Opt("Time since a job was completed.", min="1d")] = _90D,
    inbox: Annotated[Duration, Opt("Time since a received mail was seen.", min="1d")] = _90D,
    given_up: Annotated[
        Duration, Opt("Time since a mail was given up, once the digest was sent.", min="1d")
    ] = _90D,
) -> Swept:
    """Remove what the toolkit itself has piled up.

    The newest run and the newest success of each job always stay. Dead letters are never removed:
    dead webhooks, failed jobs, quarantined mail. Tables that do not exist are passed over.
    """
    return run.sweeps(
        [
            _own("job_runs", _RUNS, "started_at", runs)._replace(also=_unarchived(archived_runs)),
            _own("job_attempts", "{started_at} < {cutoff}", "started_at", attempts),
            _queue("cron_fires", "{fired_at} < {cutoff}", "fired_at", fires),
            _queue(
                "outbox", "{delivered_at} < {cutoff}" + _IS + "'delivered'", "delivered_at", outbox
            ),
            _queue("jobs", "{finished_at} < {cutoff}" + _IS + "'completed'", "finished_at", jobs),
            _queue("inbound_emails", "{seen_at} < {cutoff}" + _IS + "'received'", "seen_at", inbox),
            _queue(
                "email_given_up",
                "{given_up_at} < {cutoff} AND {notified_at} IS NOT NULL",
                "given_up_at",
                given_up,
            ),
        ]
    )


def _unarchived(age: Duration) -> str:
    """True of a run that archived nothing, or did so longer than `age` ago.

    The ledger's count would not tell: a run may be killed when only rows below its own are gone.
    """
    return (
        "NOT EXISTS (SELECT FROM {schema}.job_archives AS kept"
        " WHERE kept.run_id = {schema}.job_runs.run_id)"
        f" OR started_at < now() - make_interval(months => {age.months}, secs => {age.seconds})"
    )


def _own(table: str, where: LiteralString, by: str, age: Duration) -> Stale:
    return Stale(table, where, by, age, final=True, own=True, optional=True)


def _queue(table: str, where: LiteralString, by: str, age: Duration) -> Stale:
    return Stale(table, where, by, age, optional=True)
