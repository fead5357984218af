"""Runs in several databases: a line each and one for all, or one JSON object."""

from collections.abc import Mapping, Sequence
from typing import Any

from maintcli.output.json import as_json
from maintcli.output.out import put
from maintcli.output.text import summary
from maintcli.runtime.report import Report, Told


def put_line(told: Told, *, quiet: bool) -> None:
    """Print how one run ended, as soon as it has."""
    if not (quiet and told.report.success):
        put(f"{told.database}: {summary(told.report)}")


def put_whole(
    whole: Report, told: Sequence[Told], rest: Sequence[str], given: Mapping[str, Any]
) -> None:
    """Print the end of all, with `rest` the databases that were not begun."""
    if given.get("json"):
        put(as_json(data(whole, told, rest)))
    elif not (given.get("quiet") and whole.success):
        bad = dict.fromkeys(one.database for one in told if not one.report.success)
        number = len({one.database for one in told})
        why = f"{len(bad)} of {number} did not succeed ({', '.join(bad)})" if bad else ""
        put(summary(whole, why))


def data(whole: Report, told: Sequence[Told], rest: Sequence[str]) -> dict[str, Any]:
    """For --json: the sums, then every report with its database."""
    head = {name: value for name, value in whole.as_dict().items() if name != "run_id"}
    reports = [{"database": one.database, **one.report.as_dict()} for one in told]
    return {**head, "databases": reports, "not_started": list(dict.fromkeys(rest))}
