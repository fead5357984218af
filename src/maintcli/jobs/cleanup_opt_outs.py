"""maint cleanup-opt-outs"""

from maintcli.api import Annotated, Duration, Erase, Erased, Opt, Run, duration, job


@job(schedule="0 4 * * 6", group="Retention", engine=Erase(max_percent=50))
def cleanup_opt_outs(
    run: Run,
    *,
    tables: Annotated[
        tuple[str, ...],
        Opt('What is held of a user: each a "table.column" with the user\'s key.'),
    ] = (
        "chat_sessions.user_id",
        "processing_jobs.user_id",
        "usage_counters.user_id",
        "analytics_events.user_id",
        "stored_files.owner",
    ),
    grace: Annotated[
        Duration, Opt("Time in which a user may opt back in before anything goes.", min="0")
    ] = duration("0d"),
) -> Erased:
    """Erase what is held of users who opted out.

    Rows that refer to the listed ones by ON DELETE CASCADE go first, and are counted. The user's
    own row stays, and is stamped data_erased_at once nothing is left; a row of job_erasures says
    how many rows of which table went. A stamped user of whom a listed table holds rows is erased
    again. Opting back in wins at any instant: the user's row is locked and looked at again for
    every batch. No copy is kept (--archive is refused). Objects in storage
    are not touched.
    """
    return run.erase(tables, opted_out_for=grace)
