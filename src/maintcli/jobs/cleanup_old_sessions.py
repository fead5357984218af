"""maint cleanup-old-sessions"""

from maintcli.api import Annotated, Duration, Opt, Run, Stale, Sweep, Swept, duration, job


@job(schedule="0 2 * * *", group="Sessions", engine=Sweep(max_percent=50))
def cleanup_old_sessions(
    run: Run,
    *,
    older_than: Annotated[
        Duration, Opt("Time since a session was last touched.", min="1d")
    ] = duration("90d"),
    tables: Annotated[tuple[str, ...], Opt("The tables to clean.", metavar="TABLE,…")] = (
        "chat_sessions",
    ),
) -> Swept:
    """Remove conversations that nobody has touched lately.

    Their messages go with them, by the foreign keys' ON DELETE CASCADE. A session that is touched
    during the run stays. A table of your own needs a time column updated_at, or a [tables.KEY]
    that says what stands for it.
    """
    return run.sweeps(
        [
            Stale(table, "{updated_at} < {cutoff}", by="updated_at", older_than=older_than)
            for table in dict.fromkeys(tables)
        ]
    )
