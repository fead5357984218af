"""A dry run of several rules counts what the run of all of them removes, and no row twice."""

from pathlib import Path

import psycopg
import pytest

from tests.parts.cli import Result
from tests.parts.inside import Inside

Conn = psycopg.Connection[tuple[object, ...]]

FIGURES = ("deleted_count", "tables", "cascaded_count", "unlinked_count", "blocked_count")


def rules(inside: Inside, texts: list[str], *options: str) -> Result:
    """Run the rules, each `table` or `table where condition`."""
    lines: list[str] = []
    for text in texts:
        table, _, where = text.partition(" where ")
        lines += ["[[retention]]", f'table = "{table}"', 'column = "seen"', 'keep = "30d"']
        lines += [f'where = "{where}"', "allow-sql = true"] if where else []
    (inside.folder / "maint.toml").write_text("\n".join(lines))
    return inside("retention-cleanup", "--json", "--max-percent", "100", *options)


def made(conn: Conn, *statements: str) -> None:
    """Run statements, {old} standing for a time that is old."""
    for statement in statements:
        conn.execute(statement.replace("{old}", "now() - interval '1 y'"))  # type: ignore[arg-type]


def total(conn: Conn, *tables: str) -> int:
    """All rows of the tables."""
    counts = [conn.execute(f"SELECT count(*) FROM {t}").fetchone() for t in tables]  # type: ignore[arg-type]
    return sum(int(str(row[0])) for row in counts if row)


def restricted(conn: Conn) -> None:
    """900 versions, each with an instance that refers to it, all of them old."""
    made(
        conn,
        "CREATE TABLE dv (id int PRIMARY KEY, seen timestamptz NOT NULL)",
        "CREATE TABLE ti (id int PRIMARY KEY, seen timestamptz NOT NULL,"
        " dv_id int REFERENCES dv ON DELETE RESTRICT)",
        "INSERT INTO dv SELECT i, {old} FROM generate_series(1, 900) i",
        "INSERT INTO ti SELECT i, {old}, i FROM generate_series(1, 900) i",
    )


@pytest.mark.parametrize("order", [["ti", "dv"], ["dv", "ti"]])
def test_rows_that_an_other_rule_removes_hold_nothing_back(
    inside: Inside, conn: Conn, tmp_path: Path, order: list[str]
) -> None:
    """RESTRICT, in either order: the plan shows all 1,800, and with no drift it deletes those."""
    restricted(conn)
    plan = str(tmp_path / "plan")
    dry = rules(inside, order, "--dry-run", "--plan", plan)
    assert dry.json["tables"] == {"public.ti": 900, "public.dv": 900}, dry.err
    assert dry.json["blocked_count"] == 0
    real = rules(inside, order, "--apply", plan, "--drift", "0")
    assert (real.code, real.json["deleted_count"]) == (0, 1_800), real.err
    assert total(conn, "ti", "dv") == 0


def test_what_is_held_back_by_a_row_that_stays_is_foretold(inside: Inside, conn: Conn) -> None:
    """An instance that another table keeps keeps its version as well."""
    restricted(conn)
    made(
        conn,
        "CREATE TABLE log (ti_id int REFERENCES ti)",
        "INSERT INTO log SELECT i FROM generate_series(1, 9) i",
    )
    dry, real = rules(inside, ["ti", "dv"], "--dry-run"), rules(inside, ["ti", "dv"])
    assert real.code == 3, real.err
    assert [dry.json[name] for name in FIGURES] == [real.json[name] for name in FIGURES]
    assert real.json["tables"] == {"public.ti": 891, "public.dv": 891}
    assert total(conn, "ti", "dv") == 18


def test_a_row_of_two_rules_is_foretold_once(inside: Inside, conn: Conn) -> None:
    """Rules of one table that overlap, which nothing refers to."""
    made(
        conn,
        "CREATE TABLE t (id int, seen timestamptz NOT NULL)",
        "INSERT INTO t SELECT i, {old} FROM generate_series(1, 20) i",
    )
    both = ["t where id <= 15", "t where id > 10"]
    dry = rules(inside, both, "--dry-run")
    assert (dry.json["deleted_count"], rules(inside, both).json["deleted_count"]) == (20, 20)


def test_a_child_that_goes_by_its_own_rule_does_not_cascade_as_well(
    inside: Inside, conn: Conn
) -> None:
    """CASCADE and SET NULL below a swept table, and rules for the children beside."""
    made(
        conn,
        "CREATE TABLE p (id int PRIMARY KEY, seen timestamptz NOT NULL)",
        "CREATE TABLE a (id int PRIMARY KEY, seen timestamptz NOT NULL,"
        " p_id int REFERENCES p ON DELETE CASCADE)",
        "CREATE TABLE n (id int PRIMARY KEY, seen timestamptz NOT NULL,"
        " p_id int REFERENCES p ON DELETE SET NULL, a_id int REFERENCES a ON DELETE SET NULL)",
        "INSERT INTO p SELECT i, {old} FROM generate_series(1, 50) i",
        "INSERT INTO a SELECT i, CASE WHEN i % 3 = 0 THEN now() ELSE {old} END, i % 50 + 1"
        " FROM generate_series(1, 200) i",
        "INSERT INTO n SELECT i, CASE WHEN i % 2 = 0 THEN now() ELSE {old} END, i % 50 + 1, i"
        " FROM generate_series(1, 200) i",
    )
    dry, real = rules(inside, ["p", "a", "n"], "--dry-run"), rules(inside, ["p", "a", "n"])
    assert real.code == 0, real.err
    assert [dry.json[name] for name in FIGURES] == [real.json[name] for name in FIGURES]
    assert real.json["tables"] == {"public.p": 50, "public.a": 200, "public.n": 100}
    assert total(conn, "p", "a", "n") == 100


@pytest.mark.parametrize("action", ["RESTRICT", "NO ACTION"])
def test_rows_that_keep_each_other_are_foretold(inside: Inside, conn: Conn, action: str) -> None:
    """Chains within one table: whole ones go, those with a fresh end stay."""
    made(
        conn,
        "CREATE TABLE t (id int PRIMARY KEY, seen timestamptz NOT NULL,"
        f" up int REFERENCES t ON DELETE {action})",
        "INSERT INTO t SELECT i, CASE WHEN i IN (10, 25) THEN now() ELSE {old} END,"
        " CASE WHEN i % 10 <> 1 THEN i - 1 END FROM generate_series(1, 40) i",
    )
    dry, real = rules(inside, ["t"], "--dry-run"), rules(inside, ["t"])
    assert real.code == 3, real.err
    assert [dry.json[name] for name in FIGURES] == [real.json[name] for name in FIGURES]
    left = [id_ for (id_,) in conn.execute("SELECT id FROM t ORDER BY id")]
    assert left == [*range(1, 11), *range(21, 26)]
