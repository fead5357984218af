"""The file of an archive: exact both ways, restorable by hand, and damage is seen."""

import gzip
import io
import subprocess
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maintcli.db.catalog.tables import Column
from maintcli.devserver.programs import find
from maintcli.engines.archive import reader, writer
from maintcli.engines.archive.ledger import Kept
from maintcli.engines.archive.reader import Limits
from maintcli.engines.archive.writer import Section
from maintcli.errors import Refused
from tests.engines.restore.test_restore import FAMILY, contents
from tests.parts.archives import Archiving, Conn, archiving, written

UNBOUNDED = Limits(lambda: None)
VALUES = st.none() | st.binary(max_size=12).map(lambda value: value.replace(b"\0", b"\\."))
NAMES = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=8
)


@st.composite
def sections(draw: st.DrawFn) -> Section:
    """Rows or links with columns of any name and values of any bytes."""
    columns = tuple(draw(st.lists(NAMES, min_size=1, max_size=3, unique=True)))
    rows = draw(st.lists(st.tuples(*[VALUES] * len(columns)), max_size=5))
    kind = draw(st.sampled_from(["rows", "links"]))
    return Section(draw(NAMES), draw(NAMES), columns, kind, rows, 1 if kind == "links" else 0)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(sections(), max_size=4))
def test_what_was_written_is_read(given_sections: list[Section]) -> None:
    """Names, kinds, and every byte of every value; NULL is no text."""
    columns = {
        (one.schema, one.table, name): Column(name, "text", True, "text", False, "pg_catalog")
        for one in given_sections
        for name in one.columns
    }
    packed = io.BytesIO(written(given_sections, columns))
    blocks = reader.read("a", packed, UNBOUNDED)
    found = [(block, list(reader.decode(block.pieces))) for block in blocks]
    assert [(b.schema, b.table, b.columns, b.kind, b.key) for b, _ in found] == [
        (s.schema, s.table, s.columns, s.kind, s.key) for s in given_sections
    ]
    assert [rows for _, rows in found] == [s.rows for s in given_sections]
    assert [block.size for block, _ in found] == [len(s.rows) for s in given_sections]


@settings(deadline=None)
@given(
    st.lists(st.tuples(*[VALUES] * 3), max_size=6),
    st.sets(st.integers(0, 2)),
    st.integers(1, 9),
    st.integers(1, 5),
)
def test_values_are_cut_anywhere(
    rows: list[tuple[bytes | None, ...]], wanted: set[int], step: int, long: int
) -> None:
    """Long values are written in pieces, and read back from others; only some columns are held."""
    views = [tuple(None if v is None else memoryview(v) for v in row) for row in rows]
    with mock.patch.object(writer, "LONG", long):
        text = b"".join(piece for row in views for piece in writer.encode(row))
    pieces = [text[begin : begin + step] for begin in range(0, len(text), step)]
    assert list(reader.decode(pieces)) == rows
    assert list(reader.decode(pieces, wanted)) == [
        tuple(value if place in wanted else None for place, value in enumerate(row)) for row in rows
    ]


def test_every_damage_is_seen() -> None:
    """Cut short, not gzip, a row too few, something behind the end."""
    whole = written([Section("s", "t", ("a",), "rows", [(b"1",), (None,)])], {})
    text = gzip.decompress(whole)
    damaged = [
        whole[:-5],
        b"nonsense",
        gzip.compress(text.replace(b"\\N\n", b"")),
        gzip.compress(text[:-4]),
        gzip.compress(text + b"DROP TABLE t;"),
        gzip.compress(text.replace(b'"rows": 2', b'"rows": 3')),
    ]
    for data in damaged:
        with pytest.raises(Refused, match="the-file"):
            list(reader.read("the-file", io.BytesIO(data), UNBOUNDED))


def test_psql_puts_rows_back_and_mends_links(conn: Conn, db: str, tmp_path: Path) -> None:
    """With nothing of ours: gunzip and psql, the newest file first."""
    conn.execute(FAMILY)
    conn.execute("""INSERT INTO parent VALUES (9, E'a\\tb\\\\.\\n\\\\.\\n')""")
    before = contents(conn, "parent", "child", "friend")
    archive = archiving(conn, tmp_path / "archive", "parent")
    archive.batch(("child", "true"))
    links = [
        archive.section("friend", "true", columns=("id", column), kind="links", key=1)
        for column in ("parent_id", "home_id")
    ]
    kept = archive.keep([archive.section("parent", "id > 0"), *links])
    conn.execute("DELETE FROM parent WHERE id > 0")
    for one in (kept, archive.kept[0]):
        by_hand(db, archive, one)
    assert contents(conn, "parent", "child", "friend") == before


def test_psql_reads_null_in_arrays_whatever_the_role_sets(
    conn: Conn, db: str, tmp_path: Path
) -> None:
    """With array_nulls = off it would read the word."""
    conn.execute("CREATE TABLE tags (t text[]); INSERT INTO tags VALUES ('{a,NULL,\"NULL\"}')")
    before = contents(conn, "tags")
    archive = archiving(conn, tmp_path / "archive", "tags")
    kept = archive.batch(("tags", "true"))
    conn.execute(f"ALTER DATABASE {conn.info.dbname} SET array_nulls = off")
    by_hand(db, archive, kept)
    assert contents(conn, "tags") == before


def test_psql_compares_by_the_operators_of_the_catalog(conn: Conn, db: str, tmp_path: Path) -> None:
    """Not by one in the user's schema, which fits varchar better and would run with their rights."""
    conn.execute("""
        CREATE FUNCTION public.planted(varchar, varchar) RETURNS boolean LANGUAGE plpgsql
            AS $$BEGIN RAISE EXCEPTION 'planted'; END$$;
        CREATE OPERATOR public.= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = public.planted);
        CREATE TABLE parent (code varchar(9) PRIMARY KEY);
        CREATE TABLE friend (code varchar(9) PRIMARY KEY,
            up varchar(9) DEFAULT 'none'::varchar REFERENCES parent ON DELETE SET DEFAULT);
        INSERT INTO parent VALUES ('none'), ('a');
        INSERT INTO friend VALUES ('f', 'a');
    """)
    archive = archiving(conn, tmp_path / "archive", "parent")
    links = archive.section("friend", "true", columns=("code", "up"), kind="links", key=1)
    kept = archive.keep([archive.section("parent", "code < 'b'"), links])
    conn.execute("DELETE FROM parent WHERE code < 'b'")
    by_hand(db, archive, kept)
    assert conn.execute("SELECT code, up FROM friend").fetchall() == [("f", "a")]


def by_hand(db: str, archive: Archiving, kept: Kept) -> None:
    """Put a file back as its head says."""
    done = subprocess.run(
        [find().joinpath("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", db],
        input=gzip.decompress(archive.place.get(kept.file, kept.size_bytes)),
        check=False,
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, b"")
