"""What a dry run says of foreign keys, what guards make of them, and who is refused."""

import json
from typing import Any

import psycopg
import pytest

from maintcli.engines.foreign_keys import show
from maintcli.runtime.session import Session
from tests.parts.family import Family, child
from tests.parts.inside import Inside

Conn = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def family(conn: Conn, inside: Inside) -> Family:
    """Tables that refer to each other, and how one of them is swept."""
    return Family(conn, inside)


def by_table(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The cascades of a report, by table."""
    return {one["table"]: one for one in found["cascades"]}


def populated(family: Family) -> None:
    """Every action, three levels, a diamond and a row of each that stays."""
    family.make(
        child("a"), child("b", "a"), child("n", "a", "SET NULL"), child("k", "b", "RESTRICT")
    )
    family.do("ALTER TABLE b ADD root int REFERENCES roots ON DELETE CASCADE")
    family.roots(old=100, young=50)
    family.do(
        "INSERT INTO a SELECT i, i % 150 + 1 FROM generate_series(1, 600) i",
        "INSERT INTO b SELECT i, i % 600 + 1, CASE WHEN i % 7 = 0 THEN i % 150 + 1 END FROM generate_series(1, 1200) i",
        "INSERT INTO n SELECT i, i % 600 + 1 FROM generate_series(1, 900) i",
        "INSERT INTO k SELECT i, i * 5 FROM generate_series(1, 10) i",
    )


def test_a_dry_run_counts_what_a_real_run_does(family: Family) -> None:
    """Every figure of the dry run is the real run's, blocked rows and all below them left out."""
    populated(family)
    dry = family.sweep("--dry-run").json
    real = family.sweep().json
    figures = ("deleted_count", "tables", "cascaded_count", "unlinked_count", "blocked_count")
    assert [dry[name] for name in figures] == [real[name] for name in figures]
    assert real["blocked_count"] > 0
    assert real["remaining_count"] == dry["remaining_count"]


def test_each_table_is_listed_with_depth_and_action(family: Family) -> None:
    """In JSON as a list, in words as lines of the log."""
    populated(family)
    result = family.sweep("--dry-run")
    found = by_table(result.json)
    assert {t: (one["depth"], one["action"]) for t, one in found.items()} == {
        "public.a": (1, "CASCADE"),
        "public.b": (1, "CASCADE"),
        "public.n": (2, "SET NULL"),
        "public.k": (2, "RESTRICT"),
    }
    assert found["public.b"]["keys"] == ["b_root_fkey", "b_up_fkey"]
    assert found["public.k"]["rows"] > 0
    assert "rows of public.a with them (a_up_fkey: ON DELETE CASCADE, depth 1)" in result.err
    assert "would take the reference from" in result.err


def test_a_dry_run_of_a_circle(family: Family) -> None:
    """Rows that refer to each other are followed as the real run follows them."""
    family.make(child("a"))
    family.do(
        "ALTER TABLE a ADD reply int REFERENCES a ON DELETE CASCADE",
        "ALTER TABLE roots ADD up int REFERENCES roots ON DELETE CASCADE",
    )
    family.roots(old=10, young=90)
    family.do(
        "UPDATE roots SET up = id / 2 WHERE id > 10 AND id NOT IN (11, 12)",
        "INSERT INTO a SELECT i, i % 100 + 1, CASE WHEN i % 3 = 0 THEN i - 1 END FROM generate_series(1, 500) i",
    )
    result = family.sweep("--dry-run")
    assert result.code == 0, result.err
    dry, real = result.json, family.sweep().json
    assert (dry["deleted_count"], dry["tables"]) == (real["deleted_count"], real["tables"])
    assert by_table(dry)["public.a"]["cyclic"]


def test_a_missing_index_is_shown_with_its_statement(family: Family) -> None:
    """The statement can be pasted; then it is shown no more. A partial index on NOT NULL will do."""
    family.make(child("a", index=False), child("b", index=False))
    family.do('CREATE TABLE "B c" (id int, "u p" int REFERENCES roots ON DELETE CASCADE)')
    family.do("CREATE INDEX ON b (up) WHERE up IS NOT NULL")
    family.roots(old=1)
    result = family.sweep("--dry-run")
    found = by_table(result.json)
    assert found["public.a"]["missing_indexes"] == [
        'CREATE INDEX CONCURRENTLY ON "public"."a" ("up");'
    ]
    assert found["public.b"]["missing_indexes"] == []
    (statement,) = found["public.B c"]["missing_indexes"]
    assert statement in result.err
    family.do(statement)
    assert by_table(family.sweep("--dry-run").json)["public.B c"]["missing_indexes"] == []


def test_triggers_that_would_fire_are_shown(family: Family) -> None:
    """The user's own; not those that keep the foreign keys."""
    family.make(child("a"), child("n", action="SET NULL"))
    family.do(
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE TRIGGER after_a AFTER DELETE ON a FOR EACH ROW EXECUTE FUNCTION f()",
        "CREATE TRIGGER never AFTER INSERT ON a FOR EACH ROW EXECUTE FUNCTION f()",
        "CREATE TRIGGER after_n AFTER UPDATE ON n FOR EACH ROW EXECUTE FUNCTION f()",
    )
    found = by_table(family.sweep("--dry-run").json)
    assert found["public.a"]["triggers"] == ["after_a"]
    assert found["public.n"]["triggers"] == ["after_n"]


@pytest.mark.parametrize("action", ["CASCADE", "SET NULL", "RESTRICT"])
def test_many_partitions_are_counted_by_one_statement(
    family: Family, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    """As many queries for forty of them as for two, in a dry run with its guards."""
    sent: list[object] = []
    read = Session.read_composed

    def reading(*arguments: Any, **named: Any) -> list[Any]:
        sent.append(arguments)
        return read(*arguments, **named)

    monkeypatch.setattr(Session, "read_composed", reading)
    queries: list[int] = []
    family.make()
    family.roots(old=80)
    for parts in (2, 40):
        family.do(
            "DROP TABLE IF EXISTS a",
            f"CREATE TABLE a (id int, root int REFERENCES roots ON DELETE {action})"
            " PARTITION BY HASH (id)",
            *(
                f"CREATE TABLE a{n} PARTITION OF a FOR VALUES WITH (MODULUS {parts}, REMAINDER {n})"
                for n in range(parts)
            ),
            "INSERT INTO a SELECT i, i FROM generate_series(1, 80) i",
            "CREATE INDEX ON a (root)",
            "ANALYZE a, roots",
        )
        sent.clear()
        dry = family.sweep("--dry-run", "--max-percent", "99", "--max-rows", "1000")
        assert by_table(dry.json)["public.a"]["rows"] == 80, dry.err
        queries.append(len(sent))
    assert queries[0] == queries[1]


def test_max_rows_counts_what_goes_along(family: Family) -> None:
    """Ten roots with a hundred children are 110 rows."""
    family.make(child("a"))
    family.roots(old=10)
    family.do("INSERT INTO a SELECT i, i % 10 + 1 FROM generate_series(1, 100) i")
    result = family.sweep("--max-rows", "109")
    assert result.code == 65
    assert (
        "110 rows would go: 10 of public.roots, 100 of public.a; --max-rows allows 109"
        in result.err
    )
    assert family.count("a") == 100
    assert family.sweep("--max-rows", "109", "--yes-really", "110").code == 0


def test_max_percent_looks_at_each_table(family: Family) -> None:
    """Few roots can take most of another table with them."""
    family.make(child("a"))
    family.roots(old=1, young=1999)
    family.do(
        "INSERT INTO a SELECT i, CASE WHEN i <= 1600 THEN 1 ELSE 2 END FROM generate_series(1, 2000) i"
    )
    result = family.sweep("--max-percent", "50")
    assert result.code == 65
    assert "public.a has 1,600 rows that refer to old rows" in result.err
    assert family.count("roots") == 2000
    assert family.sweep("--max-percent", "90").code == 0


def test_hidden_rows_of_a_child_are_refused(family: Family, db: str) -> None:
    """Row-level security on a table below would make every figure wrong."""
    family.make(
        child("a"),
        "ALTER TABLE a ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE a FORCE ROW LEVEL SECURITY",
    )
    as_role(family, db)
    family.do("GRANT ALL ON roots, a TO sweeper")
    result = family.sweep("--dry-run")
    assert result.code == 77
    assert "Row-level security on public.a" in result.err


def test_a_missing_privilege_on_a_child_is_named(family: Family, db: str) -> None:
    """A dry run needs to read, a real run to lock and delete what is below."""
    family.make(child("a"))
    family.roots(old=1)
    as_role(family, db)
    family.do("GRANT SELECT, UPDATE, DELETE ON roots TO sweeper")
    result = family.sweep("--dry-run")
    assert (result.code, 'GRANT SELECT ON "public"."a" TO "sweeper";' in result.err) == (77, True)
    family.do("GRANT SELECT ON a TO sweeper")
    assert family.sweep("--dry-run").code == 0
    result = family.sweep("--no-ledger")
    assert (result.code, 'ON "public"."a" TO "sweeper";' in result.err) == (77, True)
    family.do("GRANT UPDATE ON a TO sweeper")
    result = family.sweep("--no-ledger")
    assert (result.code, 'GRANT DELETE ON "public"."a" TO "sweeper";' in result.err) == (77, True)
    family.do("GRANT DELETE ON a TO sweeper")
    assert family.sweep("--no-ledger").code == 0


def as_role(family: Family, db: str) -> None:
    """Sweep as a role without any right."""
    family.do(
        "DO $$ BEGIN CREATE ROLE sweeper LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    )
    family.inside.env["DATABASE_URL"] = db.replace("postgres@", "sweeper@", 1)


def test_a_long_chain_is_followed_by_its_index_without_statistics(family: Family) -> None:
    """The table was just filled: dry run and guards count all that the real run deletes."""
    family.do(
        "CREATE TABLE ev (id int PRIMARY KEY, p int REFERENCES ev ON DELETE CASCADE, seen timestamptz)",
        "CREATE INDEX ON ev (p)",
        "INSERT INTO ev SELECT i, nullif(i - 1, 0), CASE i WHEN 1 THEN now() - interval '1 year'"
        " ELSE now() END FROM generate_series(1, 10000) i",
    )
    dry = family.sweep("--dry-run", table="ev")
    assert (dry.code, dry.json["deleted_count"], dry.json["remaining_count"]) == (0, 10_000, 0)
    refused = family.sweep("--max-rows", "9999", table="ev")
    assert (refused.code, "10,000" in refused.err) == (65, True), refused.err
    assert family.sweep(table="ev").json["deleted_count"] == 10_000
    assert family.count("ev") == 0


def test_what_was_not_counted_in_time_is_null(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never the root's figure alone: not in the report, its words, or the plan; guards count on."""
    family.do(
        "CREATE TABLE ev (id int PRIMARY KEY, p int REFERENCES ev ON DELETE CASCADE, seen timestamptz)",
        "CREATE INDEX ON ev (p)",
        "INSERT INTO ev SELECT i, nullif(i - 1, 0), CASE i WHEN 1 THEN now() - interval '1 year'"
        " ELSE now() END FROM generate_series(1, 1001) i",
    )
    monkeypatch.setattr(show, "_ALL_SECONDS", 0)
    dry = family.sweep("--dry-run", "--plan", "plan.json", table="ev")
    assert (dry.code, dry.json["deleted_count"], dry.json["remaining_count"]) == (0, None, None)
    assert (dry.json["tables"], dry.json["rules"][0]["deleted_count"]) == ({}, None)
    assert "not counted in time: how many rows of public.ev" in dry.err
    assert "would delete 1 " not in dry.err
    plan = json.loads((family.inside.folder / "plan.json").read_text())
    assert (plan["rows"], plan["complete"]) == ({}, False)
    for limit in ("--max-rows", "--yes-really"):
        for more in ((), ("--dry-run",), ("--apply", "plan.json")):
            refused = family.sweep(limit, "1000", *more, table="ev")
            assert (refused.code, "1,001 rows" in refused.err) == (65, True), refused.err
    for more in ((), ("--dry-run",), ("--apply", "plan.json")):
        refused = family.inside("sweep-roots", "--max-percent", "99", *more)
        assert (refused.code, "1,001 rows" in refused.err) == (65, True), refused.err
    assert family.count("ev") == 1_001
