"""The figures of a report: the meaning of each name, and its label for people."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from maintcli.words import size, took


class Figure(NamedTuple):
    """`meaning` is for the documentation; `label` is what people read, in a dry run `would`.

    Without a label it is the name without `_count`. One that is `dull` is left out if it is zero.
    """

    meaning: str
    label: str = ""
    would: str = ""
    dull: bool = False


FIGURES: Mapping[str, Figure] = {
    "erased_count": Figure("users whose data is gone, and who are stamped", would="would erase"),
    "deleted_count": Figure("rows of the named tables that were deleted", would="would delete"),
    "updated_count": Figure("rows that were updated", would="would update"),
    "requeued_count": Figure("jobs put back to pending", would="would requeue"),
    "cascaded_count": Figure("rows of other tables that went along foreign keys", dull=True),
    "unlinked_count": Figure("references that SET NULL or SET DEFAULT took", dull=True),
    "blocked_count": Figure("rows, or users, left: other rows refer to them", dull=True),
    "locked_count": Figure("rows, or users, left: other sessions held them locked", dull=True),
    "failed_count": Figure("rows that a trigger or a constraint keeps; jobs given up", dull=True),
    "kept_count": Figure("rows that a trigger or a rule kept; users who came back", dull=True),
    "null_count": Figure("rows kept: their age column is NULL", "without a time", dull=True),
    "remaining_count": Figure("rows left in the tables"),
    "tables": Figure("rows deleted, or restored, by table"),
    "cascades": Figure("dry run only: what each foreign key would do"),
    "triggers": Figure("dry run only: the triggers of each table that would fire"),
    "batches": Figure("batches sent; in a dry run, how many are expected"),
    "cutoff": Figure("what is older is stale; of several rules, the oldest"),
    "rules": Figure("each rule, or table of a job: `table`, `rule`, `cutoff`, `deleted_count`"),
    "plan": Figure("`heap`, `index`, or both, where partitions differ"),
    "dropped_partitions": Figure("partitions that were dropped whole"),
    "detached_count": Figure("partitions that were detached and stay as tables"),
    "detached_rows": Figure("rows of these"),
    "archive": Figure("where the deleted rows are kept"),
    "archived_count": Figure("rows and references in the archive"),
    "archive_bytes": Figure("size of the archive", "archive size"),
    "bytes_reusable": Figure(
        "room for new rows inside the tables; an estimate", "reusable about", dull=True
    ),
    "bytes_returned": Figure("room that the system got back", "returned", dull=True),
    "throttled_ms": Figure("milliseconds of pauses", "throttled", dull=True),
    "throttled_by": Figure("the same by reason"),
    "forecast": Figure("where a budget or a throttle left a backlog: what becomes of it"),
    "expected_seconds": Figure("dry run only: how long a real run would take"),
    "restored_count": Figure("rows put back from an archive", would="would restore"),
    "existing_count": Figure("archived rows that were there already, and stayed as they were"),
    "missing_count": Figure(
        "rows without a key that an earlier restore put back, and that are not found now",
        "restored earlier and not found",
        dull=True,
    ),
    "mended_count": Figure("references put back"),
    "unmended_count": Figure("references not put back: the row is gone, or refers to another"),
    "files": Figure("files of the archive that were read"),
    "parts": Figure("parts of the run that are restored together"),
    "databases_count": Figure("`--database all`: databases with runs"),
    "failed_databases_count": Figure("`--database all`: databases whose run did not succeed"),
    "skipped_databases_count": Figure("`--database all`: databases whose run was skipped"),
}
_NO_FIGURE = Figure("")
_RANKS = {name: rank for rank, name in enumerate(FIGURES)}


def said(counts: Mapping[str, Any], *, dry_run: bool = False) -> Iterator[tuple[str, str]]:
    """Label and value of each figure that people should see, in the order of FIGURES.

    Lists and tables are for --json alone; None, for what was not counted, is left out. The ledger's
    jsonb keeps no order.
    """
    for name, value in sorted(counts.items(), key=lambda one: _RANKS.get(one[0], len(_RANKS))):
        if value is None or isinstance(value, Mapping | list | tuple):
            continue
        if name == "cutoff" and _has_several_cutoffs(counts):
            continue  # each rule has its own, in the log
        if value or not FIGURES.get(name, _NO_FIGURE).dull:
            yield label(name, dry_run=dry_run), _value(name, value)


def _has_several_cutoffs(counts: Mapping[str, Any]) -> bool:
    try:
        return len({rule["cutoff"] for rule in counts.get("rules", ())}) > 1
    except (TypeError, KeyError):  # a plugin's figure of the same name
        return False


def phrases(counts: Mapping[str, Any], *, dry_run: bool = False) -> str:
    """The same as one clause: `deleted 1,000, without a time 20,000`."""
    return ", ".join(f"{name} {value}" for name, value in said(counts, dry_run=dry_run))


def label(name: str, *, dry_run: bool = False) -> str:
    """The label of the figure `name`; a job's own figures are labelled by their names."""
    figure = FIGURES.get(name, _NO_FIGURE)
    own = name.removesuffix("_count").replace("_", " ")
    return (figure.would if dry_run else "") or figure.label or own


def _value(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if name.startswith("bytes_") or name.endswith("_bytes"):
        return size(int(value))
    if name.endswith("_ms"):
        return took(int(value))
    return f"{value:,}" if isinstance(value, int) else f"{value:,g}"
