"""The approval of a run before its first row: a plan that still holds, or every guard.

`--dry-run --plan FILE` writes what was counted, `--apply FILE` runs only while that still holds.
Without a plan, a job that has a guard refuses the first run with a shorter age.
"""

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from maintcli.config.messages import word
from maintcli.engines.base import guard, retention
from maintcli.engines.base.guard import Expected, Loss
from maintcli.engines.base.target import Target
from maintcli.errors import Refused, Usage
from maintcli.runtime.context import Context, Order


def look_ahead(order: Order) -> None:
    """Raise Usage for a path on the command line that cannot be used, before the run begins."""
    if (path := _given(order, "apply")) is not None:
        from maintcli.engines.base import plan_file

        plan_file.read(path)
    if (path := _given(order, "plan")) is not None:
        _check_folder(path)
    archive = order.values.get("archive")
    if archive is not None and archive.value is not None and archive.origin == "--archive":
        from maintcli.services.storage import storage

        storage(archive.value, archive.origin).check()


def check(
    context: Context,
    targets: Sequence[Target],
    lost: Callable[[], Sequence[Loss]],
    now: Callable[[], Expected],
    beside: Sequence[Target] = (),
) -> None:
    """Raise Refused unless a plan that still holds lets this through, or every guard.

    `lost` looks up what the whole run takes, `now` counts what a dry run would count. `beside` are
    more tables that a plan counts, which have no age of their own.
    """
    path = _given(context.order, "apply")
    planned, objection = False, None
    if path is not None:
        from maintcli.engines.base import plan_file

        planned = plan_file.check(context, [*targets, *beside], path, now)
    elif context.order.value("max_percent") is not None:  # a job with a guard: more than routine
        objection = retention.objection(context, targets)
    guard.check(context, targets, lost, objection, planned=planned)
    context.retention |= retention.recorded(targets)


@contextmanager
def planning(
    context: Context, targets: Sequence[Target], counted: Expected | None
) -> Generator[None]:
    """Write the plan of --plan; what guards refuse is then a warning, as a plan passes them.

    `counted` is what a dry run found, None in a real run. Without --plan this does nothing.
    """
    path = _given(context.order, "plan")
    if path is None or counted is None:
        yield
        return
    from maintcli.engines.base import plan_file

    plan_file.save(context, path, targets, counted)
    try:
        yield
    except Refused as refusal:
        context.log.warn(f"only a run with --apply {word(path)} will do this; without: {refusal}")


def _given(order: Order, name: str) -> Path | None:
    setting = order.values.get(name)
    return setting.value if setting is not None else None


def _check_folder(path: Path) -> None:
    folder = path.absolute().parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise Usage(
            f"--plan {path} cannot be written; name a file in a folder that exists and that"
            " you may write to."
        )
