"""Guards: they look at the whole run, by rows and not by statistics, and say how to go on."""

import shlex
from typing import Any, LiteralString

import psycopg
import pytest

from maintcli.engines.base import guard
from maintcli.engines.base.retention import spaced
from tests.parts.cli import Result
from tests.parts.inside import Inside

Conn = psycopg.Connection[tuple[object, ...]]
RULE = '[[retention]]\ntable = "{}"\ncolumn = "seen"\nkeep = "30d"\n'


def fill(conn: Conn, table: str, old: int, young: int, more: str = "") -> None:
    """Make a table of (id, seen)."""
    conn.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, seen timestamptz NOT NULL{more})")  # type: ignore[arg-type]
    conn.execute(
        f"INSERT INTO {table} (id, seen) SELECT i, now() - CASE WHEN i <= {old} THEN interval '1 y'"  # type: ignore[arg-type]
        f" ELSE interval '0' END FROM generate_series(1, {old + young}) i"
    )


def count(conn: Conn, table: LiteralString) -> int:
    """All its rows."""
    row = conn.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row is not None
    return int(str(row[0]))


def sweep(inside: Inside, *flags: str, tables: str = "t", where: str = "") -> Result:
    """Sweep what is older than 30 days from each of the tables."""
    rules = [RULE.format(table) + where for table in tables]
    (inside.folder / "maint.toml").write_text("".join(rules))
    return inside("retention-cleanup", *flags)


def slow(conn: Conn, seconds: float) -> None:
    """Make a function `slow` that takes so long for each row, and is true."""
    conn.execute(
        "CREATE FUNCTION slow(id int) RETURNS boolean STABLE LANGUAGE plpgsql AS"
        f" 'BEGIN PERFORM pg_sleep({seconds}); RETURN true; END'"  # type: ignore[arg-type]
    )


def pasted(inside: Inside, refused: Result) -> Result:
    """What the command gives that a refusal names."""
    return inside(*shlex.split(refused.err.strip().rpartition("run: maint ")[2]), "--json")


@pytest.mark.parametrize("figure", [1_000_000, 150_000])
def test_rows_and_not_statistics_decide_a_share(inside: Inside, conn: Conn, figure: int) -> None:
    """After a bulk delete the planner knows of rows that are gone; the sentence has the truth."""
    fill(conn, "t", old=1_740, young=260)
    conn.execute("UPDATE pg_class SET reltuples = %s WHERE relname = 't'", [figure])
    for flags in ((), ("--dry-run",)):
        refused = sweep(inside, *flags)
        assert refused.code == 65, refused.err
        said = "public.t has 1,740 old rows, 87 % of 2,000; --max-percent 50 allows 1,000."
        assert said in refused.err
        assert "--dry-run" not in refused.err
    assert count(conn, "t") == 2_000
    assert pasted(inside, refused).json["deleted_count"] == 1_740


def test_statistics_that_are_too_low_refuse_nothing(inside: Inside, conn: Conn) -> None:
    """Of a table below, which was analysed when it was almost empty."""
    fill(conn, "t", old=900, young=1_100)
    conn.execute("CREATE TABLE c (t_id int REFERENCES t ON DELETE CASCADE)")
    conn.execute("CREATE INDEX ON c (t_id)")
    conn.execute("INSERT INTO c SELECT id FROM t")
    conn.execute("UPDATE pg_class SET reltuples = 10 WHERE relname = 'c'")
    found = sweep(inside)
    assert found.code == 0, found.err
    assert (count(conn, "t"), count(conn, "c")) == (1_100, 1_100)


def test_numbers_are_of_the_whole_run(inside: Inside, conn: Conn) -> None:
    """Two tables within --max-rows, and within --yes-really, are not so together."""
    fill(conn, "a", old=14, young=1)
    fill(conn, "b", old=13, young=1)
    for flag in ("--max-rows", "--yes-really"):
        refused = sweep(inside, "--max-rows", "13", flag, "14", tables="ab")
        assert refused.code == 65, refused.err
        assert f"27 rows would go: 14 of public.a, 13 of public.b; {flag} allows 14." in refused.err
    assert count(conn, "a, b") == 15 * 14
    assert pasted(inside, refused).json["deleted_count"] == 27
    assert (count(conn, "a"), count(conn, "b")) == (1, 1)


@pytest.mark.parametrize("flags", [("--max-rows", "9"), ("--yes-really", "9"), ()])
def test_a_refusal_counts_each_table_to_the_end_once(
    inside: Inside, conn: Conn, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...]
) -> None:
    """The sentence and the command that it names are of one count: a second one takes as long."""
    fill(conn, "a", old=1_500, young=1)
    fill(conn, "b", old=1_400, young=1)
    real, ends = guard.count.few, list[str]()

    def few(context: Any, target: Any, condition: Any, most: int | None, *more: Any) -> int:
        if most is None and "seen" in condition.as_string():
            ends.append(target.table.name)
        return real(context, target, condition, most, *more)

    monkeypatch.setattr(guard.count, "few", few)
    refused = sweep(inside, *flags, tables="ab")
    assert (refused.code, "--yes-really 2900" in refused.err) == (65, True), refused.err
    assert sorted(ends) == ["a", "b"]


def test_the_command_leads_to_the_same_database(inside: Inside, conn: Conn, db: str) -> None:
    """Of several databases, and in a file of another name, the one that was refused."""
    fill(conn, "t", old=5, young=5)
    (inside.folder / "other.toml").write_text(f'[databases.b]\nurl = "{db}"\n' + RULE.format("t"))
    inside.env.pop("DATABASE_URL")
    limit = ("retention-cleanup", "--max-rows", "4", "--config", "other.toml")
    refused = inside(*limit, "--database", "b")
    assert refused.code == 65, refused.err
    assert "--config other.toml --database b --max-rows 4 --yes-really 5" in refused.err
    assert pasted(inside, refused).json["deleted_count"] == 5


def test_rows_of_two_rules_count_once(inside: Inside, conn: Conn) -> None:
    """Rules of one table take their share of it together."""
    fill(conn, "t", old=900, young=1_100)
    conn.execute("UPDATE t SET seen = now() - interval '40 d' WHERE id <= 450")
    assert sweep(inside, "--max-rows", "900", tables="tt").code == 0
    assert count(conn, "t") == 1_100


def test_two_rules_that_take_more_together_are_refused(inside: Inside, conn: Conn) -> None:
    """Each takes 40 %, both 80 %."""
    fill(conn, "t", old=1_600, young=400)
    rule = RULE.format("t") + 'allow-sql = true\nwhere = "id % 2 = {}"\n'
    (inside.folder / "maint.toml").write_text(rule.format(0) + rule.format(1))
    refused = inside("retention-cleanup")
    assert (refused.code, "has 1,600 old rows, 80 % of 2,000;" in refused.err) == (65, True)
    assert count(conn, "t") == 2_000


def test_stale_rows_and_rows_below_are_one_loss(inside: Inside, conn: Conn) -> None:
    """Rows that refer to old rows of their own table go, too."""
    fill(conn, "t", old=800, young=1_200, more=", up int REFERENCES t ON DELETE CASCADE")
    conn.execute("CREATE INDEX ON t (up)")
    conn.execute("UPDATE t SET up = id - 800 WHERE id BETWEEN 801 AND 1300")
    refused = sweep(inside)
    assert refused.code == 65, refused.err
    assert "public.t has 1,300 rows that would go, 65 % of 2,000" in refused.err
    assert count(conn, "t") == 2_000


def test_a_count_that_takes_too_long_says_at_least(
    inside: Inside, conn: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And how to count them, but not in a dry run, which would say nothing else."""
    monkeypatch.setattr(guard, "_SECONDS", 0.05)
    fill(conn, "t", old=300, young=100)
    slow(conn, 0.001)
    where = 'allow-sql = true\nwhere = "slow(id)"\n'
    refused = sweep(inside, "--max-rows", "20", where=where)
    assert refused.code == 65, refused.err
    assert "public.t has at least 21 old rows; --max-rows allows 20." in refused.err
    assert "run: maint retention-cleanup --max-rows 20 --dry-run" in refused.err
    dry = sweep(inside, "--max-rows", "20", "--dry-run", where=where)
    assert (dry.code, "--dry-run" in dry.err) == (65, False), dry.err
    assert count(conn, "t") == 400


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a = 1", "a=1\n", True),
        ("kind IN ( 'a b' ,'c')", "kind  IN ('a b', 'c')", True),
        ("f (x) = 'it''s'\n  AND b", "f(x) = 'it''s' AND b", True),
        ("a = -1", "a =-1", False),  # =- is an operator
        ("a = 'x  y'", "a = 'x y'", False),
        ('"a  b" = 1', '"a b" = 1', False),
        ("a -- x\nAND b", "a -- x AND b", False),
        ("a = E'\\'  '", "a = E'\\' '", False),
        ("a = $$  $$", "a = $$ $$", False),
        ("a AND b", "aANDb", False),
    ],
)
def test_spaces_make_no_other_condition(one: str, other: str, *, same: bool) -> None:
    """Unless they mean something."""
    assert (spaced(one) == spaced(other)) == same
