"""maint retention-cleanup"""

from maintcli.api import Run, Sweep, Swept, job, needs


@needs("retention")
@job(schedule="0 2 * * *", group="Retention", engine=Sweep(max_percent=50))
def retention_cleanup(run: Run) -> Swept:
    """Delete rows that [[retention]] rules no longer keep.

    Each rule names a table, the column with a row's time, and how long rows are kept. The guards
    look at every rule before the first row of any is deleted.
    """
    return run.sweeps(run.retention_rules())
