"""maint restore: an archive that somebody else made or changed can do no harm."""

import gzip
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from maintcli.engines.archive.writer import HEAD, MARK, TAIL
from maintcli.engines.restore import source
from tests.engines.restore.test_restore import contents
from tests.engines.restore.test_sources import removed
from tests.parts.archives import Archiving, Conn, archiving
from tests.parts.cli import Maint
from tests.parts.inside import Inside

OTHER = """
CREATE TABLE admin (id integer PRIMARY KEY, name text);
CREATE TABLE event (id integer PRIMARY KEY, at date, name text);
INSERT INTO event VALUES (1, '2026-01-01', 'x'), (2, '2026-01-01', 'y');
"""


@pytest.fixture
def archive(conn: Conn, tmp_path: Path) -> Archiving:
    """Two batches of children, in the ledger."""
    return removed(conn, tmp_path / "archive")


def edit(archive: Archiving, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the manifest, as someone who can write to the archive may."""
    path = Path(archive.location) / archive.run_id / "manifest.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def forget(conn: Conn) -> None:
    """The ledger knows no run any more: the manifest alone is left to go by."""
    conn.execute("DELETE FROM job_runs")


def replace(archive: Archiving, data: bytes, number: int = 0) -> None:
    """Put another file in the place of one, and make the manifest agree."""
    (Path(archive.location) / archive.kept[number].file).write_bytes(data)
    agreed = {"size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    edit(archive, lambda content: content["files"][number].update(agreed))


def block(schema: str, table: str, columns: list[str], lines: bytes) -> bytes:
    """The text of a file with one block of rows."""
    before = b"COPY it;\n"
    about = {
        "schema": schema,
        "table": table,
        "columns": columns,
        "kind": "rows",
        "key": 0,
        "rows": lines.count(b"\n"),
        "bytes": [len(before), len(lines), 0],
    }
    line = MARK + json.dumps(about).encode() + b"\n"
    return HEAD.encode() + line + before + lines + b"\\.\n" + TAIL.encode()


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["tables"][0].update(root=["public", "other"]),
        lambda content: content["tables"][0].update(schema="pg_catalog"),
        lambda content: content["tables"][0]["columns"][0].update(type="text"),
        lambda content: content["tables"].pop(),
        lambda content: content.update(job="cleanup-opt-outs"),
        lambda content: content.update(run_id="0199a1b2-0000-7000-8000-000000000000"),
    ],
    ids=["root", "schema", "type", "table", "job", "run"],
)
def test_an_edited_manifest_is_refused(
    inside: Inside, conn: Conn, archive: Archiving, change: Callable[[dict[str, Any]], object]
) -> None:
    """The ledger has its checksum; the first one already, so that a killed run's counts, too."""
    left = contents(conn, "child")
    edit(archive, change)
    for flags in ((), ("--dry-run",), ("--from", archive.location)):
        found = inside("restore", archive.run_id, "--json", *flags)
        assert (found.code, found.json["outcome"]) == (65, "refused"), found.err
        assert "manifest.json is not as it was archived" in found.json["message"]
    assert contents(conn, "child") == left
    archive.end(files=None)
    assert inside("restore", archive.run_id, "--json").json["restored_count"] == 10


def test_the_ledger_has_the_checksum_of_a_sweep_s_manifest(
    inside: Inside, conn: Conn, tmp_path: Path
) -> None:
    """A real run's manifest, edited after it: refused; as it was: restored."""
    conn.execute(
        "INSERT INTO active_sessions (access_key, session_id, last_heartbeat)"
        " SELECT i, i, now() - interval '1 day' FROM generate_series(1, 5) i"
    )
    swept = inside("cleanup-sessions", "--archive", str(tmp_path / "archive"), "--json").json
    path = tmp_path / "archive" / swept["run_id"] / "manifest.json"
    whole = path.read_text()
    path.write_text(whole.replace("active_sessions", "users"))
    assert inside("restore", swept["run_id"]).code == 65
    path.write_text(whole)
    assert inside("restore", swept["run_id"], "--json").json["restored_count"] == 5
    assert conn.execute("SELECT count(*) FROM active_sessions").fetchone() == (5,)


def test_a_manifest_that_an_older_version_entered_is_warned_about(
    inside: Inside, conn: Conn, archive: Archiving
) -> None:
    """It has no checksum in the ledger; the files have theirs."""
    conn.execute("UPDATE job_archives SET manifest_sha256 = NULL")
    found = inside("restore", archive.run_id, "--json")
    assert (found.code, found.json["restored_count"]) == (0, 10)
    assert "the ledger has no checksum of" in found.err


def test_without_the_ledger_it_is_said_who_is_trusted(
    inside: Inside, conn: Conn, archive: Archiving
) -> None:
    """The owner of the folder, or everybody who can write to it."""
    forget(conn)
    there = ("--from", archive.location, "--dry-run")
    assert f"who owns {archive.location}" in inside("restore", archive.run_id, *there).err
    Path(archive.location).chmod(0o777)
    assert "every user of this machine" in inside("restore", archive.run_id, *there).err


@pytest.mark.parametrize(
    ("schema", "table", "columns", "why"),
    [
        ("pg_catalog", "pg_authid", ["rolname", "rolsuper"], "one of PostgreSQL's own"),
        ("information_schema", "sql_parts", ["feature_id"], "one of PostgreSQL's own"),
        ("public", "job_runs", ["run_id", "job"], "one of maint's own"),
        ("public", "job_heartbeats", ["name"], "one of maint's own"),
    ],
)
@pytest.mark.parametrize("dry", [(), ("--dry-run",)], ids=["real", "dry"])
def test_rows_go_into_tables_of_the_user_alone(  # noqa: PLR0917  its parts
    inside: Inside,
    conn: Conn,
    archive: Archiving,
    schema: str,
    table: str,
    columns: list[str],
    why: str,
    dry: tuple[str, ...],
) -> None:
    """Also where the manifest and its files agree with each other."""
    forget(conn)
    left, value = contents(conn, "child"), b"0199a1b2-0000-7000-8000-000000000000"
    lines = b"\t".join([value] * len(columns)) + b"\n"
    replace(archive, gzip.compress(block(schema, table, columns, lines)))
    there = ("--from", archive.location, *dry)
    found = inside("restore", archive.run_id, "--json", *there)
    assert (found.code, "the manifest does not list it" in found.json["message"]) == (65, True)
    described = {"schema": schema, "table": table, "columns": [], "primary_key": [], "root": None}
    edit(archive, lambda content: content["tables"].append(described))
    found = inside("restore", archive.run_id, "--json", "--no-ledger", *there)
    assert (found.code, found.json["outcome"]) == (65, "refused"), found.err
    assert why in found.json["message"]
    assert contents(conn, "child") == left
    rows = contents(conn, f"{schema}.{table}")
    assert value.decode() not in str(rows)


def test_rows_of_an_extension_need_the_ledger(
    inside: Inside, conn: Conn, archive: Archiving
) -> None:
    """A row of pg_cron's is a command. What a run of one's own archived goes back."""
    conn.execute("ALTER EXTENSION plpgsql ADD TABLE child")
    there = ("--from", archive.location, "--json", "--dry-run")
    assert inside("restore", archive.run_id, *there).json["restored_count"] == 10
    forget(conn)
    found = inside("restore", archive.run_id, *there)
    assert (found.code, "it belongs to an extension" in found.json["message"]) == (65, True)


def test_rows_of_a_partition_go_into_no_other_table(
    inside: Inside, conn: Conn, tmp_path: Path
) -> None:
    """The root that the manifest gives must look like it, and be partitioned."""
    conn.execute(OTHER)
    archive = archiving(conn, tmp_path / "archive", "event", "admin")
    archive.batch(("event", "true"))
    archive.end()
    conn.execute("DROP TABLE event")
    forget(conn)
    there = ("--no-ledger", "--from", archive.location)
    event = next(n for n, t in enumerate(archive.manifest.tables) if t.table == "event")
    edit(archive, lambda content: content["tables"][event].update(root=["public", "admin"]))
    found = inside("restore", archive.run_id, "--json", *there)
    assert (found.code, "is not a partition of its root" in found.json["message"]) == (65, True)
    conn.execute("DROP TABLE admin; CREATE TABLE admin (id integer, at date, name text)")
    edit(
        archive,
        lambda content: content["tables"][1 - event].update(
            columns=content["tables"][event]["columns"]
        ),
    )
    found = inside("restore", archive.run_id, "--json", *there)
    assert (found.code, "is not there any more" in found.json["message"]) == (78, True)
    assert contents(conn, "admin") == [[]]


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "{run}/../../secret", "other/00000001.sql.gz", "x"]
)
def test_a_file_lies_in_the_folder_of_its_run(
    inside: Inside, conn: Conn, archive: Archiving, tmp_path: Path, name: str
) -> None:
    """A path in the manifest leads nowhere else."""
    forget(conn)
    (tmp_path / "secret").write_bytes(gzip.compress(block("public", "child", ["id"], b"1\n")))
    name = name.format(run=archive.run_id)
    edit(archive, lambda content: content["files"][0].update(file=name))
    found = inside("restore", archive.run_id, "--json", "--from", archive.location)
    assert (found.code, "is not a file of this run" in found.json["message"]) == (65, True)


@pytest.mark.parametrize("kind", ["pipe", "endless", "link"])
@pytest.mark.parametrize("which", ["manifest", "file"])
def test_what_has_no_end_is_not_read(
    inside: Inside, archive: Archiving, tmp_path: Path, kind: str, which: str
) -> None:
    """A pipe, a device and a link are refused; the ledger's checksums would wait for their end."""
    name = "manifest.json" if which == "manifest" else Path(archive.kept[0].file).name
    path = Path(archive.location) / archive.run_id / name
    path.rename(tmp_path / "moved")
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "endless":
            path.symlink_to("/dev/zero")
        case _:
            path.symlink_to(tmp_path / "moved")
    found = inside("restore", archive.run_id, "--json")
    assert (found.code, found.json["outcome"]) == (65, "refused"), found.err
    assert name in found.json["message"]


def test_a_file_that_unpacks_without_end_is_refused(
    inside: Inside, conn: Conn, archive: Archiving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the manifest alone; a file that the ledger vouches for may be as repetitive as it likes."""
    monkeypatch.setattr(source, "_MOST_UNPACKED", 1 << 20)
    forget(conn)
    lines = b"1\t" + b"x" * 20_000_000 + b"\n"
    replace(archive, gzip.compress(block("public", "child", ["id", "note"], lines)))
    found = inside("restore", archive.run_id, "--json", "--from", archive.location)
    assert (found.code, "it unpacks to more than" in found.json["message"]) == (65, True), found.err


DEEP = b"[" * 100_000


@pytest.mark.parametrize(
    "text",
    [
        DEEP,
        b'{"a":' * 100_000,
        b"[]",
        b"null",
        b'{"format": 1}',
        b"1" * 5_000,
        b"\xff",
    ],
    ids=["deep list", "deep object", "list", "null", "poor", "long number", "not UTF-8"],
)
def test_a_manifest_of_nonsense_is_one_sentence(
    inside: Inside, archive: Archiving, text: bytes
) -> None:
    """And no bug (70): its text is nobody's but its maker's."""
    (Path(archive.location) / archive.run_id / "manifest.json").write_bytes(text)
    found = inside("restore", archive.run_id, "--json")
    assert (found.code, found.json["outcome"]) == (65, "refused"), found.err
    assert "manifest.json is not as it was archived: it cannot be read" in found.json["message"]


def test_a_manifest_of_very_many_values_is_refused(inside: Inside, archive: Archiving) -> None:
    """30 MB of JSON could take a gigabyte of memory."""
    path = Path(archive.location) / archive.run_id / "manifest.json"
    path.write_bytes(b"[" + b'{"a":1},' * 2_000_000 + b"1]")
    found = inside("restore", archive.run_id, "--json")
    assert (found.code, "it is too large" in found.json["message"]) == (65, True), found.err


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["files"][0].update(size_bytes=-1),
        lambda content: content["files"][0].update(size_bytes="9"),
        lambda content: content["files"][0].update(rows=[1]),
        lambda content: content["files"][0].update(number=True),
        lambda content: content["files"][0].update(sha256="\ud800"),
        lambda content: content.update(files=[1]),
        lambda content: content.update(tables=1),
        lambda content: content["tables"][0].update(schema="a\0b"),
        lambda content: content["tables"][0].update(schema=["x"]),
        lambda content: content["tables"][0].update(root="abc"),
        lambda content: content["tables"][0].update(columns=[{"name": "id"}]),
        lambda content: content["tables"][0]["columns"][0].update(type={"x": 1}),
    ],
)
def test_a_manifest_of_wrong_types_is_one_sentence(
    inside: Inside, conn: Conn, archive: Archiving, change: Callable[[dict[str, Any]], object]
) -> None:
    """Whatever stands where text or a number belongs."""
    forget(conn)
    edit(archive, change)
    found = inside("restore", archive.run_id, "--json", "--from", archive.location)
    assert (found.code, found.json["outcome"]) == (65, "refused"), found.err


@pytest.mark.parametrize(
    "about",
    [
        DEEP,
        b"{}",
        b"[]",
        b'{"bytes": [1000000000000000, 1, 0], "rows": 1}',
        b'{"bytes": [-1, 1, 0], "rows": 1}',
        b'{"bytes": [0, -5, 0], "rows": 1}',
        b'{"bytes": [0, 0, 0], "rows": 0, "schema": "a\\u0000", "table": "b", "columns": [], "key": 0, "kind": "rows"}',
        b'{"bytes": [0, 0, 0], "rows": 0, "schema": "a", "table": "b", "columns": [1], "key": 0, "kind": "rows"}',
        b'{"bytes": [0, 0, 0], "rows": 0, "schema": "a", "table": "b", "columns": ["c", "c"], "key": 0, "kind": "rows"}',
        b'{"bytes": [0, 0, 0], "rows": 0, "schema": "a", "table": "b", "columns": [], "key": 1, "kind": "links"}',
        b'{"bytes": [0, 0, 0], "rows": 0, "schema": "a", "table": "b", "columns": [], "key": 0, "kind": "code"}',
        b'{"bytes": [0, 0, 0], "rows": 0, "schema": "a", "table": "b", "columns": ["c"], "key": 2, "kind": "links"}',
        b'{"bytes": [0, 0, 0], "rows": 0, "schema": "a", "table": "b", "columns": ["c"], "key": 1, "kind": "rows"}',
    ],
)
def test_a_file_of_nonsense_is_one_sentence(
    inside: Inside, conn: Conn, archive: Archiving, about: bytes
) -> None:
    """Neither a bug nor all the memory there is."""
    forget(conn)
    replace(archive, gzip.compress(HEAD.encode() + MARK + about + b"\n" + TAIL.encode()))
    found = inside("restore", archive.run_id, "--json", "--from", archive.location)
    assert (found.code, found.json["outcome"]) == (65, "refused"), found.err
    assert "a block cannot be read" in found.json["message"]


@pytest.mark.parametrize(
    ("lines", "codes"),
    [
        (b"1\n", {65}),
        (b"1\t2\t3\n", {65}),
        (b"1\n2\t3\t4\n", {65}),
        (b"1\t\0\n", {65}),
        (b"\\x\t1\n", {65, 1}),
        (b"1\t\xff\n", {0, 1}),
        (b"x\t1\n", {1}),
        (b"\\.\n1\t2\t3\n", {65, 3}),
    ],
)
@pytest.mark.parametrize("dry", [(), ("--dry-run",)], ids=["real", "dry"])
def test_rows_of_nonsense_are_one_sentence(
    inside: Inside,
    conn: Conn,
    archive: Archiving,
    lines: bytes,
    codes: set[int],
    dry: tuple[str, ...],
) -> None:
    """What COPY would not read is no bug, whether it gets to COPY or not."""
    forget(conn)
    left = contents(conn, "child")
    archive.kept.pop()
    edit(archive, lambda content: content["files"].pop())
    replace(archive, gzip.compress(block("public", "child", ["id", "parent_id"], lines)))
    found = inside("restore", archive.run_id, "--json", "--from", archive.location, *dry)
    assert found.code in codes, found.err
    assert contents(conn, "child") == left


def test_reading_a_long_file_ends_with_the_deadline(
    maint: Maint, conn: Conn, db: str, archive: Archiving
) -> None:
    """A sparse file of 4 TiB takes hours to be summed up."""
    forget(conn)
    size = 1 << 42
    with (Path(archive.location) / archive.kept[0].file).open("r+b") as file:
        file.truncate(size)
    edit(archive, lambda content: content["files"][0].update(size_bytes=size))
    there = ("--from", archive.location, "--timeout", "2s")
    found = maint("restore", archive.run_id, "--json", *there, env={"DATABASE_URL": db})
    assert (found.code, found.json["outcome"]) == (124, "timeout"), found.err
