"""An error out of the database names the table, and the rule of maint.toml, that it is about."""

from typing import Any

import psycopg
import pytest

from tests.parts.inside import Inside

Conn = psycopg.Connection[Any]
RULE = '[[retention]]\ntable = "{}"\ncolumn = "seen"\nkeep = "30d"\nallow-sql = true\n'
FAILS = 'where = "1 / (id - 5) < 2"\n'


@pytest.mark.parametrize(
    "flags",
    [
        ("--max-percent", "100"),
        ("--max-percent", "50"),
        ("--max-rows", "3", "--max-percent", "100"),
        ("--dry-run",),
        ("--dry-run", "--plan", "plan"),
    ],
    ids=" ".join,
)
def test_a_condition_that_fails_is_named(
    inside: Inside, conn: Conn, flags: tuple[str, ...]
) -> None:
    """Of three rules the second, wherever it is met: planning, guard, batch or dry run."""
    for table in "abc":
        conn.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, seen timestamptz NOT NULL)")  # type: ignore[arg-type]
        conn.execute(f"INSERT INTO {table} SELECT i, '2020-01-01' FROM generate_series(1, 9) i")  # type: ignore[arg-type]
    rules = [RULE.format(table) + (FAILS if table == "b" else "") for table in "abc"]
    (inside.folder / "maint.toml").write_text("\n".join(rules))
    found = inside("retention-cleanup", *flags)
    said = "public.b ([[retention]] rule 2): PostgreSQL says: division by zero (22012)"
    assert (found.code, said in found.err) == (1, True), found.err
