"""What a restore has to show."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Restored:
    """The figures of a restore; in a dry run what a real one would do.

    `existing_count` rows were there already and stayed as they are. `missing_count` rows have no
    key, went back in an earlier restore, and are not found now. `failed_count` rows could not go
    back. Of the links that the sweep had cut `mended_count` hold their old value again;
    `unmended_count` do not, because the row is gone or somebody linked it anew; those that held it
    already are in neither. `tables` are the rows restored of each table.
    """

    restored_count: int
    existing_count: int
    missing_count: int
    failed_count: int
    mended_count: int
    unmended_count: int
    files: int
    tables: dict[str, int]


@dataclass(slots=True)
class Tally:
    """The same while it goes on; `refused` are rows by table and reason."""

    restored: Counter[str] = field(default_factory=Counter[str])
    existing: int = 0
    missing: Counter[str] = field(default_factory=Counter[str])
    mended: int = 0
    unmended: int = 0
    files: int = 0
    refused: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])

    def refuse(self, table: str, reasons: Mapping[str, int]) -> None:
        """Count rows of `table` that could not go back."""
        for reason, count in reasons.items():
            self.refused[table, reason] += count

    def add(self, other: "Tally") -> None:
        """Count what another transaction did, once it is committed."""
        self.restored.update(other.restored)
        self.refused.update(other.refused)
        self.existing += other.existing
        self.missing.update(other.missing)
        self.mended += other.mended
        self.unmended += other.unmended
        self.files += other.files

    @property
    def result(self) -> Restored:
        """The figures so far."""
        return Restored(
            restored_count=self.restored.total(),
            existing_count=self.existing,
            missing_count=self.missing.total(),
            failed_count=self.refused.total(),
            mended_count=self.mended,
            unmended_count=self.unmended,
            files=self.files,
            tables=dict(self.restored),
        )
