"""SQL of a job's own says the user's names of the reference schema's tables and columns."""

from collections.abc import Generator
from pathlib import Path
from unittest import mock

import psycopg
import pytest

from maintcli import registry
from tests.parts.inside import Inside

Conn = psycopg.Connection[tuple[object, ...]]

JOB = '''\
"""maint settle: reads and writes the queue, whatever it is called."""

from dataclasses import dataclass

from maintcli.api import Annotated, Opt, Run, job


@dataclass(frozen=True)
class Settled:
    found: list[int]
    rows: int
    braces: str


@job(schedule=None, group="Queues")
def settle(run: Run, *, column: Annotated[str, Opt("A column.")] = "status") -> Settled:
    """Settle what is pending."""
    if column != "status":
        run.query("SELECT {" + column + "} FROM {tables.jobs}")
    found = run.query(
        "SELECT q.{jobs.retry_count} FROM {tables.jobs} AS q"
        " WHERE q.{jobs.status} = {jobs.'pending'} AND q.{jobs.retry_count} > %s",
        [0],
    )
    ((braces,),) = run.query("SELECT '{}'::jsonb || '{\\\"a\\\": 1}' || to_jsonb('{{a.b}}'::text[])")
    rows = 0
    if not run.dry_run:
        rows = run.change(
            "UPDATE {tables.jobs} SET {jobs.status} = {jobs.'completed'}"
            " WHERE {jobs.status} = {jobs.'pending'}"
        )
    return Settled([n for (n,) in found], rows, str(braces))
'''
ENTRY = registry.Entry("settle:settle", "Settle.", "Queues")
ODD = 'Job "100%" {x}; --'


@pytest.fixture
def settle(
    inside: Inside, conn: Conn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Generator[Inside]:
    """The job `settle`, and no table jobs."""
    (tmp_path / "settle.py").write_text(JOB)
    monkeypatch.syspath_prepend(tmp_path)
    conn.execute("DROP TABLE jobs")
    with mock.patch.dict(registry.JOBS, {"settle": ENTRY}):
        yield inside


def quoted(name: str) -> str:
    """`name` as an identifier, and as a basic string of TOML."""
    return '"' + name.replace('"', '""') + '"'


@pytest.mark.parametrize(
    ("schema", "table", "status", "attempts"),
    [
        ("public", "work_items", "state", "tries"),
        ("app", "jobs", "status", "retry_count"),
        ("Odd %s schema", ODD, "Zustand%", 'a."b"'),
    ],
)
def test_names_are_those_of_the_mapping(
    settle: Inside, conn: Conn, schema: str, table: str, status: str, attempts: str
) -> None:
    """A renamed, a schema-qualified and an odd-named table are read and written."""
    place = f"{quoted(schema)}.{quoted(table)}"
    conn.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    conn.execute(
        f"CREATE TABLE {place} ({quoted(status)} text, {quoted(attempts)} int)"  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    )
    conn.execute(f"INSERT INTO {place} VALUES ('neu', 2), ('neu', 0), ('old', 3)")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    (settle.folder / "maint.toml").write_text(
        f"[tables.jobs]\nname = '{place}'\n[tables.jobs.columns]\nstatus = '{status}'\n"
        f"retry_count = '{attempts}'\n[tables.jobs.statuses]\npending = 'neu'\ncompleted = '100%'\n"
    )
    found = settle("settle", "--json")
    assert found.code == 0, found.err
    assert (found.json["found"], found.json["rows"]) == ([2], 2)
    states = conn.execute(f"SELECT {quoted(status)} FROM {place} ORDER BY 1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert states.fetchall() == [("100%",), ("100%",), ("old",)]


def test_without_a_mapping_names_are_those_of_the_reference_schema(
    settle: Inside, conn: Conn
) -> None:
    """Other braces stay as they are, and a dry run writes nothing."""
    conn.execute("CREATE TABLE jobs AS SELECT 'pending' AS status, 1 AS retry_count")
    found = settle("settle", "--dry-run", "--json")
    assert (found.code, found.json["found"], found.json["rows"]) == (0, [1], 0), found.err
    assert found.json["braces"] == "[{'a': 1}, 'a.b']"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "tables.jbos",
            "SQL of settle: '{tables.jbos}' names the table jbos, which does not exist",
        ),
        ("jobs.stauts", "'{jobs.stauts}' needs the column stauts, which public.jobs does not have"),
        ("jobs.'pendign'", "SQL of settle: {jobs.'pendign'} names no status"),
    ],
)
def test_an_unknown_name_is_one_clear_error(
    settle: Inside, conn: Conn, name: str, said: str
) -> None:
    """Exit code 78, and the sentence has the name as the job wrote it."""
    conn.execute("CREATE TABLE jobs AS SELECT 'pending' AS status, 1 AS retry_count")
    found = settle("settle", "--json", "--column", name)
    assert found.code == 78
    assert said in found.json["message"]
