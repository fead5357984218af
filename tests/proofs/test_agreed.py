"""Proof: a run with `--yes-really N` deletes at most N rows of all tables, whatever had objected."""

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.parts.cli import Result
from tests.parts.databases import database
from tests.parts.inside import Inside
from tests.parts.server import Server
from tests.proofs.chaos import FULL, SEED
from tests.proofs.schemas import TableMade, create, tables

RULE = '[[retention]]\ntable = "t{}"\ncolumn = "stale_at"\nkeep = "{}"\n'
KEEPS = ("RESTRICT", "NO ACTION")


@pytest.mark.parametrize("by", ["rows", "age"])
@seed(SEED)
@settings(
    max_examples=200 if FULL else 8,
    deadline=None,
    database=None,
    phases=tuple(Phase) if FULL else (Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(made=tables())
def test_no_more_rows_go_than_the_number_that_was_agreed_to(
    made: list[TableMade], by: str, server: Server, template: str, tmp_path: Path
) -> None:
    """By SELECT, for any foreign keys; one row less is refused; where nothing keeps rows, N go."""
    with database(server, template=template) as name:
        inside = Inside(tmp_path, {"DATABASE_URL": server.dsn(name)})
        with psycopg.connect(server.dsn(name), autocommit=True) as conn:
            create(conn, made)
            before = count(conn, made)
            number = agreed(inside, made, by)
            run = ("retention-cleanup", "--max-percent", "100")
            if number > 1:
                less = inside(*run, "--yes-really", str(number - 1))
                assert (less.code, f"allows {number - 1:,}." in less.err) == (65, True), less.err
            assert count(conn, made) == before
            done = inside(*run, "--yes-really", str(number))
            assert done.code in {0, 3}, done.err
            gone = before - count(conn, made)
    keeps = any(one.action in KEEPS for table in made for one in table.references)
    assert gone <= number
    assert keeps or gone == number


def agreed(inside: Inside, made: list[TableMade], by: str) -> int:
    """The number of a refusal, for too many rows or a shorter age; 1 where one row is allowed."""

    def sweep(keep: str, *flags: str) -> Result:
        rules = "".join(RULE.format(number, keep) for number in range(len(made)))
        (inside.folder / "maint.toml").write_text(rules)
        return inside("retention-cleanup", "--max-percent", "100", *flags)

    if by == "age":
        assert sweep("100y").code == 0
    refused = sweep("30d", *(("--max-rows", "1", "--dry-run") if by == "rows" else ()))
    if refused.code == 0 and by == "rows":
        return 1
    assert refused.code == 65, refused.err
    return int(re.findall(r"--yes-really (\d+)$", refused.err.strip())[0])


def count(conn: psycopg.Connection[Any], made: list[TableMade]) -> int:
    """All rows."""
    query = " UNION ALL ".join(f"SELECT FROM t{n}" for n in range(len(made)))
    row = conn.execute(f"SELECT count(*) FROM ({query}) AS t").fetchone()  # type: ignore[arg-type]
    assert row is not None
    return int(row[0])
