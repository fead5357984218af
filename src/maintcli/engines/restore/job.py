"""A restore as a run: with a lease, a deadline, a row in the ledger, and a report."""

from collections.abc import Mapping
from typing import Any

from maintcli.config.duration import duration
from maintcli.config.option import Kind, Option
from maintcli.engines.restore.result import Restored
from maintcli.runtime.context import Context
from maintcli.runtime.job import Job
from maintcli.runtime.options import common

_TIMEOUT = duration("6h")


def _body(context: Context, values: Mapping[str, Any]) -> Restored:
    from maintcli.engines.restore.restore import restore

    return restore(context, run=values["run"], only=values["table"], moved=values["from"])


JOB = Job(
    name="restore",
    summary="Put back the rows that a run archived and removed.",
    description="Put back the rows that a run archived and removed.",
    group="Operating",
    schedule=None,
    timeout=_TIMEOUT,
    can_dry_run=True,
    options=(
        Option(name="run", kind=Kind.TEXT, configurable=False),
        Option(name="table", kind=Kind.TEXT, configurable=False),
        Option(name="from", kind=Kind.TEXT, configurable=False),
    ),
    common=common(_TIMEOUT),
    body=_body,
)
