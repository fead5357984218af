"""The archive of a sweep, from before its first batch to after its last."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from maintcli.engines.sweep.task import Task
from maintcli.errors import Partial
from maintcli.runtime.context import Context

if TYPE_CHECKING:
    from maintcli.engines.archive.archive import Archive


@contextmanager
def keeping(context: Context, tasks: Sequence[Task]) -> Generator["Archive | None"]:
    """The archive that --archive asks for; its manifest is complete where the sweep got through."""
    if context.order.value("archive") is None:
        yield None
        return
    from maintcli.engines.archive.archive import open_archive

    archive, complete = open_archive(context, [task.target.table.oid for task in tasks]), False
    try:
        yield archive
        complete = True
    except Partial:
        complete = True
        raise
    finally:
        if archive is not None:
            archive.close(complete=complete)
