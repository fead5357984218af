"""What a benchmark found, as a section of docs/performance.md."""

from collections.abc import Sequence
from dataclasses import dataclass, field

MISSED = "**missed**"


@dataclass(frozen=True)
class Budget:
    """One line of the budgets: a ratio or a figure, and what it had to be."""

    what: str
    measured: float
    limit: float
    at_most: bool = True
    unit: str = "×"  # noqa: RUF001  the sign that is meant

    @property
    def met(self) -> bool:
        """Whether it is within its limit."""
        return self.measured <= self.limit if self.at_most else self.measured >= self.limit

    def row(self) -> tuple[str, str, str, str]:
        """As a row of a table."""
        wanted = f"{'≤' if self.at_most else '≥'} {self.limit:g} {self.unit}"
        verdict = "met" if self.met else MISSED
        return (self.what, wanted, f"{self.measured:.3g} {self.unit}", verdict)


@dataclass(frozen=True)
class Table:
    """Rows under a heading; the first column is text, the others are figures."""

    heading: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """As Markdown."""
        rule = ["---", *["---:"] * (len(self.heading) - 1)]
        return "\n".join(f"| {' | '.join(row)} |" for row in (self.heading, rule, *self.rows))


@dataclass(frozen=True)
class Section:
    """One benchmark's result. `how` says what was measured, for a reader who wants to repeat it."""

    name: str
    title: str
    how: str
    tables: Sequence[Table]
    budgets: Sequence[Budget] = field(default=())

    def markdown(self, circumstances: str) -> str:
        """As Markdown; `circumstances` are machine, server and date."""
        verdicts = Table(("budget", "wanted", "measured", ""), [b.row() for b in self.budgets])
        tables = [verdicts, *self.tables] if self.budgets else self.tables
        parts = [f"## {self.title}", self.how, *(t.markdown() for t in tables), circumstances]
        return "\n\n".join(parts)
