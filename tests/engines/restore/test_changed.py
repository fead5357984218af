"""maint restore: a schema that changed since is explained, and nothing is restored."""

from pathlib import Path

import pytest

from tests.engines.restore.test_restore import contents
from tests.parts.archives import Conn, archiving
from tests.parts.inside import Inside

TABLE = """
CREATE TABLE item (id integer PRIMARY KEY, name text, size integer);
CREATE TABLE other (id integer PRIMARY KEY);
INSERT INTO item SELECT i, 'n' || i, i FROM generate_series(1, 5) i;
INSERT INTO other VALUES (1), (2);
"""


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("DROP TABLE item", "public.item is not there any more"),
        ("ALTER TABLE item DROP size", "has lost its column size since"),
        ("ALTER TABLE item RENAME size TO length", "has lost its column size since"),
        ("ALTER TABLE item ALTER size TYPE text", "has size as text now, and had it as integer"),
        ("ALTER TABLE item ALTER name TYPE varchar(2)", "has name as character varying(2) now"),
        (
            "ALTER TABLE item DROP size, ADD size integer GENERATED ALWAYS AS (id) STORED",
            "computes its column size now",
        ),
        (
            (
                "ALTER TABLE item ADD owner integer NOT NULL DEFAULT 0;"
                " ALTER TABLE item ALTER owner DROP DEFAULT"
            ),
            "has a new column owner that is NOT NULL and has no default",
        ),
    ],
)
@pytest.mark.parametrize("dry", [(), ("--dry-run",)], ids=["real", "dry"])
def test_what_does_not_fit_is_one_sentence(
    inside: Inside, conn: Conn, tmp_path: Path, change: str, sentence: str, dry: tuple[str, ...]
) -> None:
    """Exit code 78; the rows of the other table stay away, too."""
    conn.execute(TABLE)
    archive = archiving(conn, tmp_path / "archive", "item", "other")
    archive.batch(("item", "id > 2"), ("other", "id = 1"))
    conn.execute(change)
    found = inside("restore", archive.run_id, "--json", *dry)
    assert (found.code, found.json["outcome"]) == (78, "failed")
    assert sentence in found.json["message"]
    assert "so nothing was restored" in found.json["message"]
    assert contents(conn, "other") == [[("(2)",)]]
    only = inside("restore", archive.run_id, "--json", "--table", "other", *dry)
    assert (only.code, only.json["restored_count"]) == (0, 1)


def test_what_can_be_filled_is_fine(inside: Inside, conn: Conn, tmp_path: Path) -> None:
    """New columns that are nullable, have a default or an identity; another order; a new key."""
    conn.execute(TABLE)
    archive = archiving(conn, tmp_path / "archive", "item")
    archive.batch(("item", "id > 2"))
    conn.execute("""
        ALTER TABLE item ADD note text, ADD at timestamptz NOT NULL DEFAULT now(),
            ADD number bigint GENERATED ALWAYS AS IDENTITY, DROP CONSTRAINT item_pkey;
        ALTER TABLE item ADD PRIMARY KEY (name);
    """)
    assert inside("restore", archive.run_id, "--json").json["restored_count"] == 3
    assert inside("restore", archive.run_id, "--json").json["existing_count"] == 3


def test_rows_of_a_dropped_partition_go_back_through_its_root(
    inside: Inside, conn: Conn, tmp_path: Path
) -> None:
    """And so do those of a partition that was made anew with other bounds."""
    conn.execute("""
        CREATE TABLE m (id integer, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
        CREATE TABLE m1 PARTITION OF m FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
        CREATE TABLE m2 PARTITION OF m FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
        INSERT INTO m VALUES (1, '2026-01-05'), (2, '2026-02-05'), (3, '2026-02-06');
    """)
    before = contents(conn, "m")
    archive = archiving(conn, tmp_path / "archive", "m")
    archive.batch(("m1", "true"), ("m2", "id = 2"))
    conn.execute("DROP TABLE m1")
    conn.execute("CREATE TABLE mx PARTITION OF m FOR VALUES FROM ('2025-01-01') TO ('2026-02-01')")
    report = inside("restore", archive.run_id, "--json").json
    assert (report["restored_count"], report["tables"]) == (2, {"public.m": 2})
    assert contents(conn, "m") == before


@pytest.mark.parametrize("does", ["ALSO INSERT INTO audit VALUES (new.at)", "INSTEAD NOTHING"])
def test_a_rule_on_insert_is_refused_before_the_first_row(
    inside: Inside, conn: Conn, tmp_path: Path, does: str
) -> None:
    """78, in a dry run too, with the command; once it was run, the rows go back."""
    conn.execute(f"""
        CREATE TABLE audit (at integer);
        CREATE TABLE ev (at integer); INSERT INTO ev SELECT generate_series(1, 3);
        CREATE RULE "R" AS ON INSERT TO ev DO {does};
    """)
    archive = archiving(conn, tmp_path / "archive", "ev")
    archive.batch(("ev", "true"))
    command = 'ALTER TABLE "public"."ev" DISABLE RULE "R";'
    for more in (["--dry-run"], []):
        found = inside("restore", archive.run_id, *more)
        assert found.code == 78
        assert "public.ev has rules ON INSERT (R)" in found.err
        assert command in found.err
    conn.execute(command)
    assert inside("restore", archive.run_id).code == 0
    assert conn.execute("SELECT count(*) FROM ev").fetchone() == (3,)
