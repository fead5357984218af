"""What a sweep did beyond its own rows: cascaded, unlinked, and blocked, in figures and words."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from maintcli.db.sqlstate import without_values

if TYPE_CHECKING:
    from maintcli.db.catalog.links import Link
    from maintcli.engines.base.batch import Below
    from maintcli.engines.foreign_keys.graph import Cascade

_BACK = " They were put back, and are counted as deleted all the same."
_MOST_SAID = 3  # rows that are named in a sentence

Rule = tuple[int, str]
"""A table of a sweep: which of them, as one table can be swept by several rules, and its name."""


class Kept(NamedTuple):
    """Rows that a DELETE did not remove, and the triggers and rules that saw it.

    `back`: they were gone, and counted, before a trigger put them back.
    """

    rows: int
    names: Sequence[str]
    back: bool = False


@dataclass(slots=True)
class Tally:
    """The figures of a run so far. `blocked` are the roots that stay, by rule.

    `late` are roots that stay as well, for they take too long with what goes with them; `failed`
    those whose removal a trigger or a constraint forbids, `objections` what it said of some.
    """

    cascaded: Counter[str] = field(default_factory=Counter[str])
    unlinked: Counter[str] = field(default_factory=Counter[str])
    blocked: Counter[Rule] = field(default_factory=Counter[Rule])
    late: Counter[Rule] = field(default_factory=Counter[Rule])
    failed: Counter[Rule] = field(default_factory=Counter[Rule])
    objections: dict[Rule, dict[str, None]] = field(default_factory=dict[Rule, dict[str, None]])
    blockers: dict[Rule, Counter[str]] = field(default_factory=dict[Rule, Counter[str]])
    remedies: dict[str, dict[str, None]] = field(default_factory=dict[str, dict[str, None]])
    refers: dict[Rule, set[int]] = field(default_factory=dict[Rule, set[int]])
    kept: dict[Rule, Kept] = field(default_factory=dict[Rule, Kept])

    def begin(self, rule: Rule) -> None:
        """Forget what was blocked in an earlier pass by `rule`."""
        self.blocked.pop(rule, None)
        self.late.pop(rule, None)
        self.failed.pop(rule, None)
        self.objections.pop(rule, None)
        self.blockers.pop(rule, None)
        self.refers.pop(rule, None)

    def add(self, rule: Rule, cascade: "Cascade", own: frozenset[int], batch: "Below") -> None:
        """Add a batch of the sweep by `rule`; `own` are its relations, counted elsewhere."""
        for oid, rows in zip(cascade.members, batch.members, strict=True):
            if oid not in own and rows:
                self.cascaded[cascade.relations[oid].top] += rows
        for link, rows in zip(cascade.unlinks, batch.unlinked, strict=True):
            if rows:
                self.unlinked[link.key.child] += rows
        self.blocked[rule] += batch.blocked
        self.late[rule] += batch.late
        self.failed[rule] += batch.failed
        objections = self.objections.setdefault(rule, {})
        for key, state, message in batch.failures:
            objections[f"{key}: {without_values(message, state)} ({state})"] = None
        names = self.blockers.setdefault(rule, Counter())
        refers = self.refers.setdefault(rule, set())
        for link, rows in zip(cascade.blockers, batch.blockers, strict=True):
            if rows:
                names[_name(link)] += rows
                self.remedies.setdefault(_name(link), {}).update(dict.fromkeys(link.remedy))
                refers.add(link.child)

    def forget(self, rule: Rule, cascade: "Cascade", batch: "Below") -> None:
        """Take back what stayed in a batch whose rows are looked at again."""
        self.blocked[rule] -= batch.blocked
        self.late[rule] -= batch.late
        self.failed[rule] -= batch.failed
        for link, rows in zip(cascade.blockers, batch.blockers, strict=True):
            self.blockers[rule][_name(link)] -= rows

    def wants_another(self, rule: Rule, swept: Iterable[int]) -> bool:
        """Whether another pass by `rule` may find more, as rows of `swept` are gone."""
        return not self.refers.get(rule, set()).isdisjoint(swept)

    @property
    def removed(self) -> int:
        """Rows that went with those of the swept tables."""
        return self.cascaded.total()

    def staying_of(self, rule: Rule) -> int:
        """Stale rows of a table that the last pass by `rule` left for a reason that it knows."""
        kept = self.kept[rule].rows if rule in self.kept else 0
        return self.blocked[rule] + self.late[rule] + self.failed[rule] + kept

    @property
    def figures(self) -> dict[str, Any]:
        """For the report."""
        return {
            "cascaded_count": self.removed,
            "unlinked_count": self.unlinked.total(),
            "blocked_count": self.blocked.total() + self.late.total(),
            "failed_count": self.failed.total(),
            "kept_count": sum(kept.rows for kept in self.kept.values()),
        }

    @property
    def statements(self) -> list[str]:
        """What lets the blocked rows go."""
        blockers = [names for rule, names in self.blockers.items() if self.blocked[rule]]
        names = sorted({name for found in blockers for name in +found})
        return list(dict.fromkeys(one for name in names for one in self.remedies[name]))

    def why_blocked(self) -> str | None:
        """A sentence that names what stays and what keeps it; None where nothing does."""
        sentences = [
            f"{_rows(self.blocked[rule])} of {rule[1]} cannot be deleted: {_some(sorted(names))}"
            f" {'refers' if len(names) == 1 else 'refer'} to them, or to what would go with them,"
            f" without ON DELETE CASCADE.{remedy(self.statements)}"
            for rule, names in ((rule, +names) for rule, names in self.blockers.items())
            if self.blocked[rule]
        ]
        sentences += [
            f"{rows:,} stale rows of {rule[1]} stay, because each takes too long with all that goes"
            " with it. Delete what refers to them first, or see whether an index is missing."
            for rule, rows in self.late.items()
            if rows
        ]
        sentences += [
            f"{rows:,} stale rows of {rule[1]} stay, because a trigger or a constraint objects:"
            f" {_some(list(self.objections[rule]))}."
            for rule, rows in self.failed.items()
            if rows
        ]
        sentences += [
            f"{kept.rows:,} stale rows of {rule[1]} are still there after a DELETE, because of its"
            f" {' and '.join(kept.names)}.{_BACK if kept.back else ''}"
            " What is kept on purpose should not count as stale (where = …)."
            for rule, kept in self.kept.items()
        ]
        return " ".join([*sentences, "The rest is done."]) if sentences else None


def remedy(statements: Sequence[str]) -> str:
    """The sentence that leads to `statements`, which let rows go that others refer to."""
    if not statements:
        return " Delete those first."
    return " To delete the referring rows too, whatever their age, run these statements."


def _some(objections: Sequence[str]) -> str:
    more = len(objections) - _MOST_SAID
    return ", ".join(objections[:_MOST_SAID]) + (" and others" if more > 0 else "")


def _rows(number: int) -> str:
    return f"{number:,} {'row' if number == 1 else 'rows'}"


def _name(link: "Link") -> str:
    return f"{link.key.child} ({link.key.name})"
