"""maint cleanup-sessions"""

from maintcli.api import Annotated, Duration, Opt, Run, Sweep, Swept, duration, job


@job(schedule="*/5 * * * *", timeout="1m", group="Sessions", engine=Sweep())
def cleanup_sessions(
    run: Run,
    *,
    stale_after: Annotated[
        Duration, Opt("Silence after which a session is stale.", min="1s")
    ] = duration("60s"),
) -> Swept:
    """Remove sessions that have stopped sending heartbeats.

    A heartbeat that arrives during the run saves its session. Sessions without any heartbeat
    (NULL) are kept. There is no guard by default: on a quiet night every session is stale.
    """
    swept = run.sweep(
        "active_sessions",
        where="{last_heartbeat} < {cutoff}",
        by="last_heartbeat",
        older_than=stale_after,
        show=("access_key", "session_id"),
    )
    run.info(f"active sessions {'to remain' if run.dry_run else 'remaining'}: {swept.remaining}")
    return swept
