"""What a sweep has to show."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from maintcli.words import moment

if TYPE_CHECKING:
    from maintcli.engines.base.target import Target


@dataclass(frozen=True, slots=True)
class Swept:
    """The figures of a sweep; in a dry run `deleted_count` is what a real run would delete, or None
    where counting what goes with the stale rows took too long.

    `locked_count` rows were stale and left, because others held them locked. `null_count` rows
    have no time and are kept. Both, and `remaining_count`, are None where counting took too long.
    `tables` are the rows removed of each table.

    `bytes_reusable` is about how much room they left inside the table, `bytes_returned` what the
    system got back. `throttled_by` are the milliseconds of pauses by their reasons.

    `cascaded_count` rows of other tables went along foreign keys, `unlinked_count` lost a reference
    (SET NULL, SET DEFAULT), and `blocked_count` stale rows stay because others refer to them.
    `failed_count` stay because a trigger or a constraint objects to their removal.
    `kept_count` rows are still there after a DELETE, because a trigger or a rule keeps them.
    `rules` says for each rule, or table, of a job which rows were stale and how many of them went.
    `cascades` says in a dry run what each foreign key would do, `triggers` which triggers of each
    swept table would fire.
    """

    deleted_count: int | None
    locked_count: int
    null_count: int | None
    remaining_count: int | None
    batches: int
    cutoff: str
    plan: str
    tables: dict[str, int]
    bytes_reusable: int | None = None
    bytes_returned: int | None = None
    throttled_ms: int = 0
    throttled_by: dict[str, int] = field(default_factory=dict[str, int])
    cascaded_count: int | None = 0
    unlinked_count: int | None = 0
    blocked_count: int | None = 0
    failed_count: int = 0
    kept_count: int = 0
    rules: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    cascades: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    triggers: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    @property
    def remaining(self) -> str:
        """The remaining rows in words."""
        if self.remaining_count is None:
            return "more than were counted"
        return f"{self.remaining_count:,}"


def total(parts: Sequence[Swept]) -> Swept:
    """The figures of several tables together; None where one of them is."""
    tables: Counter[str] = Counter()
    for part in parts:
        tables.update(part.tables)
    return Swept(
        deleted_count=_sum(part.deleted_count for part in parts),
        locked_count=sum(part.locked_count for part in parts),
        null_count=_sum(part.null_count for part in parts),
        remaining_count=_remaining(parts),
        batches=sum(part.batches for part in parts),
        cutoff=min((part.cutoff for part in parts), default=""),
        plan="+".join(sorted({way for part in parts for way in part.plan.split("+")})) or "none",
        tables=dict(tables),
        cascaded_count=_sum(part.cascaded_count for part in parts),
        unlinked_count=_sum(part.unlinked_count for part in parts),
        blocked_count=_sum(part.blocked_count for part in parts),
        rules=[one for part in parts for one in part.rules],
        cascades=[one for part in parts for one in part.cascades],
        triggers={table: names for part in parts for table, names in part.triggers.items()},
    )


def rule(target: "Target", deleted: int | None) -> dict[str, Any]:
    """One rule, for `rules`."""
    return {
        "table": str(target.table),
        "rule": target.map.rule,
        "cutoff": moment(target.cutoff),
        "deleted_count": deleted,
    }


def _remaining(parts: Sequence[Swept]) -> int | None:
    """The rows that stay, of each table once, however many rules sweep it."""
    tables: dict[str, int] = {}
    for part in parts:
        if part.remaining_count is None or part.deleted_count is None:
            return None
        table = part.rules[0]["table"]
        known = tables.get(table)
        tables[table] = part.remaining_count if known is None else known - part.deleted_count
    return sum(tables.values())


def _sum(figures: Iterable[int | None]) -> int | None:
    whole = 0
    for figure in figures:
        if figure is None:
            return None
        whole += figure
    return whole
