"""maint cleanup-orphans"""

from maintcli.api import Annotated, Duration, Opt, Orphans, Run, Swept, duration, job


@job(schedule="0 4 * * *", group="Retention", engine=Orphans(max_percent=50))
def cleanup_orphans(
    run: Run,
    *,
    pairs: Annotated[
        tuple[str, ...],
        Opt(
            'Where a parent is looked for: "child.column -> parent.column", and "by column" behind'
            " it where the child's age is not in created_at."
        ),
    ] = ("stored_files.owner -> users.id",),
    grace: Annotated[
        Duration, Opt("Age below which a row may still wait for its parent.", min="1m")
    ] = duration("24h"),
) -> Swept:
    """Remove rows whose parent is gone.

    A row goes when it is older than the grace age and is an orphan in two looks. During the second
    nobody can add a parent: one that was on its way by then saves its child. A row without a value
    in the column (NULL) has no parent to miss, and is kept. What refers to it goes with it, or
    keeps it, as the foreign keys say. A pair in which no row has a parent is refused.
    """
    return run.sweep_orphans(pairs, older_than=grace)
