"""With --archive a batch is two messages, and what is archived is exactly what goes."""

import gzip
from pathlib import Path

import psycopg
import pytest

from tests.parts.family import Family, child
from tests.parts.inside import Inside

Conn = psycopg.Connection[tuple[object, ...]]


@pytest.fixture(params=[True, False], ids=["final", "not final"])
def family(request: pytest.FixtureRequest, conn: Conn, inside: Inside) -> Family:
    """Tables that refer to each other, swept in both ways."""
    return Family(conn, inside, final=bool(request.param))


def archived(family: Family) -> dict[str, int]:
    """The rows of the files that count, by table."""
    query = "SELECT key, sum(value::int) FROM job_archives, jsonb_each_text(rows) GROUP BY key ORDER BY key"
    return {str(table): int(str(rows)) for table, rows in family.conn.execute(query).fetchall()}


def test_exactly_what_goes_is_archived(family: Family, tmp_path: Path) -> None:
    """Roots, rows below, and references; in as many files as batches had something."""
    family.make(
        child("a"), child("b", "a"), child("n", "a", "SET NULL"), child("k", "b", "RESTRICT")
    )
    family.roots(old=100, young=50)
    family.do(
        "INSERT INTO a SELECT i, i % 150 + 1 FROM generate_series(1, 6000) i",
        "INSERT INTO b SELECT i, i % 6000 + 1 FROM generate_series(1, 9000) i",
        "INSERT INTO n SELECT i, i % 6000 + 1 FROM generate_series(1, 900) i",
        "INSERT INTO k SELECT i, i * 5 FROM generate_series(1, 10) i",
    )
    result = family.sweep("--archive", str(tmp_path / "kept"))
    assert result.code == 3, result.err
    found = result.json
    expected = dict(found["tables"])
    if found["unlinked_count"]:
        expected["public.n (links)"] = found["unlinked_count"]
    assert archived(family) == expected
    assert found["deleted_count"] == family.ledger() == 100 - found["blocked_count"]
    assert family.count("roots") == 150 - found["deleted_count"]


def test_a_table_that_nothing_refers_to(family: Family, tmp_path: Path) -> None:
    """One table alone is archived in the same way, in few files."""
    family.make()
    family.roots(old=20_000, young=10)
    result = family.sweep("--archive", str(tmp_path / "kept"))
    assert result.code == 0, result.err
    assert archived(family) == result.json["tables"] == {"public.roots": 20_000}
    assert family.count("job_archives") < 30
    assert family.count("roots") == 10


def test_one_parent_with_many_children_is_archived_in_steps(family: Family, tmp_path: Path) -> None:
    """Batches stay bounded where children may go first; else it is one."""
    family.make(child("a"), child("n", action="SET NULL"))
    family.roots(old=1)
    family.do(
        "INSERT INTO a SELECT i, 1 FROM generate_series(1, 12000) i",
        "INSERT INTO n SELECT i, 1 FROM generate_series(1, 5000) i",
    )
    result = family.sweep("--archive", str(tmp_path / "kept"))
    assert result.code == 0, result.err
    assert archived(family) == {
        "public.roots": 1,
        "public.a": 12_000,
        "public.n (links)": 5_000,
    }
    files = family.count("job_archives")
    assert files > 5 if family.final else files == 1
    assert family.count("n", "up IS NULL") == 5_000


def test_a_trigger_that_keeps_rows_ends_the_run_with_nothing_lost(
    family: Family, tmp_path: Path
) -> None:
    """An archive that says more than what went would be restored twice: the run fails instead."""
    family.make(child("a"))
    family.roots(old=3)
    family.do(
        "INSERT INTO a SELECT i, i % 3 + 1 FROM generate_series(1, 9) i",
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE TRIGGER k BEFORE DELETE ON a FOR EACH ROW EXECUTE FUNCTION keep()",
    )
    result = family.sweep("--archive", str(tmp_path / "kept"))
    assert result.code == 1
    assert "a trigger keeps or changes them" in result.err
    assert (family.count("roots"), family.count("a"), archived(family)) == (3, 9, {})


def test_references_from_a_table_without_a_key_are_refused(family: Family, tmp_path: Path) -> None:
    """They could not be put back."""
    family.make("CREATE TABLE n (up int REFERENCES roots ON DELETE SET NULL)")
    family.roots(old=3)
    result = family.sweep("--archive", str(tmp_path / "kept"))
    assert (result.code, "public.n has no primary key" in result.err) == (78, True)
    assert family.count("roots") == 3


def test_values_are_kept_as_postgresql_writes_them(family: Family, tmp_path: Path) -> None:
    """In the columns' order, without generated ones, exact to the last digit."""
    family.make(
        "ALTER TABLE roots ADD f float8, ADD g int GENERATED ALWAYS AS (id * 2) STORED, ADD b bytea"
    )
    family.roots(old=1)
    family.do(r"UPDATE roots SET f = 0.1::float8 + 0.2, b = '\x00ff'")
    result = family.sweep("--archive", str(tmp_path / "kept"))
    assert result.code == 0, result.err
    (file,) = (tmp_path / "kept").glob("*/*.sql.gz")
    text = gzip.decompress(file.read_bytes()).decode()
    assert 'COPY "public"."roots" ("id", "seen", "f", "b") FROM stdin' in text
    assert "0.30000000000000004\t\\\\x00ff" in text


def test_one_locked_row_does_not_make_batches_small(
    family: Family, db: str, tmp_path: Path
) -> None:
    """It is met once, left, and counted; batches before and behind it keep their size."""
    family.make()
    family.roots(old=20_000)
    with psycopg.connect(db) as other:
        other.execute("SELECT FROM roots WHERE id IN (60, 5000) FOR UPDATE")
        result = family.sweep("--archive", str(tmp_path / "kept"))
    assert result.code == 0, result.err
    assert (result.json["deleted_count"], result.json["locked_count"]) == (19_998, 2)
    assert archived(family) == {"public.roots": 19_998}
    assert family.count("job_archives") < 30
