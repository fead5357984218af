"""Time columns of one's own: their declared zones, domains over their types, their indexes."""

import re

import psycopg
import pytest

from tests.parts.family import OLD, Family
from tests.parts.inside import Inside

Conn = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def family(conn: Conn, inside: Inside) -> Family:
    """How the table `roots` is swept."""
    return Family(conn, inside)


@pytest.mark.parametrize("schema", ["", "app."])
@pytest.mark.parametrize("job", ["cleanup-orphans", "cleanup-old-sessions"])
def test_the_setting_that_a_refusal_names_is_taken(
    conn: Conn, inside: Inside, job: str, schema: str
) -> None:
    """A table of one's own with a timestamp: refused, and after the advice is followed, swept."""
    table, at = f"{schema}notes", "created_at" if job == "cleanup-orphans" else "updated_at"
    old = "(now() AT TIME ZONE 'Asia/Tokyo') - interval '100 d'"
    for statement in (
        "CREATE SCHEMA app",
        f"CREATE TABLE {table} (id int, parent int, {at} timestamp)",
        f"CREATE TABLE {schema}parents (id int PRIMARY KEY)",
        f"INSERT INTO {table} VALUES (1, 1, {old}), (2, 2, now() AT TIME ZONE 'Asia/Tokyo')",
        f"INSERT INTO {schema}parents VALUES (2)",
    ):
        conn.execute(statement)  # type: ignore[arg-type]
    options = {
        "cleanup-orphans": ("--pairs", f"{table}.parent -> {schema}parents.id"),
        "cleanup-old-sessions": ("--tables", table),
    }[job]
    refused = inside(job, "--json", *options)
    assert refused.code == 78
    setting = re.search(r"(\[tables\..*\]) (timezone) = ", refused.json["message"])
    assert setting is not None, refused.json["message"]
    (inside.folder / "maint.toml").write_text(f"{setting[1]}\n{setting[2]} = 'Asia/Tokyo'\n")
    result = inside(job, "--json", *options)
    assert result.code == 0, result.err
    assert result.json["deleted_count"] == 1
    assert conn.execute(f"SELECT id FROM {table}").fetchall() == [(2,)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "old", "new", "setting"),
    [
        ("timestamptz", OLD, "now()", ""),
        ("timestamp", f"{OLD}", "now() + interval '1 d'", 'timezone = "UTC"'),
        ("date", "current_date - 9", "current_date + 1", ""),
        ("bigint", "1000000000", "extract(epoch FROM now())::bigint", 'epoch = "s"'),
    ],
)
def test_a_domain_tells_the_age_that_its_type_tells(
    family: Family, kind: str, old: str, new: str, setting: str
) -> None:
    """Also a domain over a domain; by blocks, and where few rows are stale along the index."""
    family.do(
        f"CREATE DOMAIN base AS {kind}",
        "CREATE DOMAIN moment AS base CHECK (VALUE IS NOT NULL)",
        "CREATE TABLE roots (id int, seen moment, pad text DEFAULT repeat('x', 500))",
        f"INSERT INTO roots SELECT i, {new} FROM generate_series(1, 6000) i",
        f"INSERT INTO roots SELECT i, {old} FROM generate_series(1, 20) i",
    )
    settings = (setting,) if setting else ()
    dry = family.sweep("--dry-run", settings=settings)
    assert (dry.json["deleted_count"], dry.json["plan"]) == (20, "heap"), dry.err
    family.do("CREATE INDEX ON roots (seen)")
    result = family.sweep(settings=settings)
    assert result.code == 0, result.err
    assert (result.json["deleted_count"], result.json["plan"]) == (20, "index")
    assert (family.count("roots"), family.count("roots", f"seen = ({old})")) == (6000, 0)


def test_partitions_by_a_domain_are_dropped_whole(family: Family) -> None:
    """Their bounds are compared in its base type."""
    family.do(
        "CREATE DOMAIN moment AS timestamptz",
        "CREATE TABLE roots (id int, seen moment) PARTITION BY RANGE (seen)",
        "CREATE TABLE p1 PARTITION OF roots FOR VALUES FROM ('2000-01-01') TO ('2010-01-01')",
        "CREATE TABLE p2 PARTITION OF roots FOR VALUES FROM ('2010-01-01') TO ('2200-01-01')",
        "INSERT INTO roots VALUES (1, '2001-01-01'), (2, now())",
    )
    result = family.sweep()
    assert result.code == 0, result.err
    assert (result.json["deleted_count"], result.json["dropped_partitions"]) == (1, 1)
    assert (family.count("roots"), family.count("pg_class", "relname = 'p1'")) == (1, 0)


@pytest.mark.parametrize(
    ("where", "plan"),
    [("seen IS NOT NULL", "index"), ('"The id" IS NOT NULL', "heap"), ("seen IS NULL", "heap")],
)
def test_an_index_on_what_is_not_null_serves(family: Family, where: str, plan: str) -> None:
    """`seen < cutoff` is true of no NULL; other partial indexes hold other rows."""
    family.do(
        "CREATE TABLE roots (\"The id\" int, seen timestamptz, pad text DEFAULT repeat('x', 500))",
        "INSERT INTO roots SELECT i, now() FROM generate_series(1, 6000) i",
        f"INSERT INTO roots SELECT i, {OLD} FROM generate_series(1, 20) i",
        'INSERT INTO roots ("The id") SELECT 1 FROM generate_series(1, 7)',
        f"CREATE INDEX ON roots (seen) WHERE {where}",
    )
    result = family.sweep()
    assert result.code == 0, result.err
    assert (result.json["deleted_count"], result.json["plan"]) == (20, plan)
    assert (family.count("roots"), family.count("roots", "seen IS NULL")) == (6007, 7)
