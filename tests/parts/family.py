"""Tables that refer to each other, made by a test, and a sweep of one of them from maint.toml."""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from tests.parts.cli import Result
from tests.parts.inside import Inside

Conn = psycopg.Connection[tuple[object, ...]]

OLD = "now() - interval '1 year'"


@dataclass(frozen=True)
class Family:
    """Sweeps of the table `roots` by its column `seen`; what is older than a day goes."""

    conn: Conn
    inside: Inside
    final: bool = True
    old: str = OLD

    def make(self, *statements: str) -> None:
        """Make `roots(id, seen)` and whatever else."""
        self.do("CREATE TABLE roots (id int PRIMARY KEY, seen timestamptz NOT NULL)", *statements)

    def do(self, *statements: str) -> None:
        """Run statements, one transaction each."""
        for statement in statements:
            self.conn.execute(statement)  # type: ignore[arg-type]  a test's own text

    def roots(self, old: int, young: int = 0) -> None:
        """Add roots 1 to `old`, and then `young` fresh ones."""
        self.do(
            f"INSERT INTO roots SELECT i, {OLD} FROM generate_series(1, {old}) i",
            f"INSERT INTO roots SELECT i, now() FROM generate_series({old + 1}, {old + young}) i",
        )

    def sweep(
        self,
        *options: str,
        table: str = "roots",
        column: str = "seen",
        also: str | None = None,
        settings: Sequence[str] = (),
    ) -> Result:
        """Run it once; `also` is a further condition, `settings` are further lines."""
        lines = [
            "[sweeps.sweep-roots]",
            f'table = "{table}"',
            f'column = "{column}"',
            'keep = "1d"',
            f"final = {str(self.final).lower()}",
            *settings,
            *([f'where = "{also}"', "allow-sql = true"] if also else []),
        ]
        (self.inside.folder / "maint.toml").write_text("\n".join(lines))
        return self.inside("sweep-roots", "--json", "--max-percent", "100", *options)

    def count(self, table: str, where: str = "true") -> int:
        """Rows of `table` for which `where` holds."""
        row = self.conn.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()  # type: ignore[arg-type]
        assert row is not None
        return int(str(row[0]))

    def ledger(self) -> int:
        """Rows that the ledger counts as deleted, of all runs."""
        return self.count("job_runs, generate_series(1, deleted_count)")


def child(name: str, of: str = "roots", action: str = "CASCADE", *, index: bool = True) -> str:
    """A table that refers to another by its column `up`."""
    table = f"CREATE TABLE {name} (id int PRIMARY KEY, up int REFERENCES {of} ON DELETE {action});"
    return table + (f"CREATE INDEX ON {name} (up);" if index else "")
