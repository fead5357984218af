"""DDL of others in the middle of a sweep: nothing is lost, nothing goes uncounted."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import psycopg
import pytest

from maintcli.engines.base import retry
from maintcli.engines.base.batch import Done
from maintcli.engines.foreign_keys.archived import ArchivedWalk
from tests.parts.family import Family, child
from tests.parts.inside import Inside

Conn = psycopg.Connection[tuple[Any, ...]]
PARTED = """CREATE TABLE p (id int, up int REFERENCES roots ON DELETE CASCADE, day date NOT NULL)
    PARTITION BY RANGE (day);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE INDEX ON p (up);
INSERT INTO p SELECT i, i, '2026-01-02' FROM generate_series(1, 100) i"""
CHANGES = {
    "column": "ALTER TABLE {} ADD extra text; UPDATE {} SET extra = 'x'",
    "type": "ALTER TABLE a ALTER up TYPE bigint",
    "table": "CREATE TABLE late (id int PRIMARY KEY, up int REFERENCES roots ON DELETE CASCADE);"
    "INSERT INTO late SELECT id, id FROM roots",
    "table below": "CREATE TABLE late (id int PRIMARY KEY, up int REFERENCES a ON DELETE CASCADE);"
    "INSERT INTO late SELECT id, id FROM a",
    "partition": "CREATE TABLE late PARTITION OF p FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');"
    "INSERT INTO p SELECT id, id, '2026-02-02' FROM roots",
    "link": "CREATE TABLE late (id int PRIMARY KEY, up int REFERENCES roots ON DELETE SET NULL);"
    "INSERT INTO late SELECT id, id FROM roots",
}


@contextmanager
def after_batches(family: Family, batches: int, ddl: str) -> Generator[None]:
    """Run `ddl` when so many batches are done, before the next one begins; one that fails is none."""
    done = 0

    def counting(send: Callable[..., Done]) -> Callable[..., Done]:
        def sent(*arguments: Any, **options: Any) -> Done:
            nonlocal done
            if done == batches:
                family.do(ddl)
                done += 1
            found = send(*arguments, **options)
            done += 1
            return found

        return sent

    plain = mock.patch.object(retry, "send", counting(retry.send))
    archived = mock.patch.object(ArchivedWalk, "send", counting(ArchivedWalk.send))
    with plain, archived:
        yield
    assert done > batches


@pytest.fixture(params=[True, False], ids=["final", "not final"])
def family(request: pytest.FixtureRequest, conn: Conn, inside: Inside) -> Family:
    """A hundred roots with a child each in two tables, one of them partitioned."""
    family = Family(conn, inside, final=bool(request.param))
    family.make(child("a"), *PARTED.split(";\n")[:3])
    family.roots(old=100)
    family.do(PARTED.split(";\n")[3], "INSERT INTO a SELECT i, i FROM generate_series(1, 100) i")
    return family


def rows(family: Family, tables: list[str]) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, with every column."""
    return {t: sorted(family.conn.execute(f"SELECT * FROM {t}").fetchall()) for t in tables}  # type: ignore[arg-type]


@pytest.mark.parametrize("change", CHANGES)
def test_an_archive_loses_nothing_to_a_changed_schema(
    family: Family, tmp_path: Path, change: str
) -> None:
    """The run ends with 75; the next one and the restores of both bring every row back whole."""
    tables = ["roots", "a", "p", *(["late"] if change in {"table", "table below", "link"} else [])]
    ddl = CHANGES[change].format("roots", "roots")
    with after_batches(family, 2, ddl):
        found = family.sweep("--archive", str(tmp_path / "kept"))
    assert found.code == 75, found.err
    assert "was changed during the run" in found.json["message"]
    assert found.json.get("deleted_count", 0) == 100 - family.count("roots")
    left = rows(family, tables)
    again = family.sweep("--archive", str(tmp_path / "kept"))
    assert again.code == 0, again.err
    assert family.count("roots") == 0
    back = family.inside("restore", again.json["run_id"], "--json")
    assert back.code == 0, back.err
    assert rows(family, tables) == left
    assert family.inside("restore", found.json["run_id"]).code in {0, 78}
    assert family.count("roots") == (100 if change != "type" else len(left["roots"]))


@pytest.mark.parametrize("change", ["table", "table below", "partition", "link"])
def test_rows_of_a_new_table_do_not_go_uncounted(family: Family, change: str) -> None:
    """Without an archive too: a cascade that no plan has shown stops the run."""
    with after_batches(family, 0, CHANGES[change]):
        found = family.sweep()
    assert found.code == 75, found.err
    assert (family.count("roots"), family.count("late")) == (100, 100)
    again = family.sweep()
    assert again.code == 0, again.err
    assert sum(again.json["tables"].values()) + again.json["unlinked_count"] == 400


def test_a_first_reference_to_a_table_is_seen(conn: Conn, inside: Inside) -> None:
    """Nothing referred to it when the sweep began, so it was swept without looking below."""
    family = Family(conn, inside)
    family.make()
    family.roots(old=100)
    with after_batches(family, 0, CHANGES["table"]):
        found = family.sweep()
    assert found.code == 75, found.err
    assert (family.count("roots"), family.count("late")) == (100, 100)
    again = family.sweep()
    assert again.json["tables"] == {"public.roots": 100, "public.late": 100}, again.err


def test_a_dropped_partition_below_is_no_change(family: Family) -> None:
    """What is gone before the first batch is left out; nothing of it can be counted."""
    family.do("CREATE TABLE p2 PARTITION OF p FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')")
    from maintcli.engines.sweep import sweep

    ask = sweep._ask
    with mock.patch.object(sweep, "_ask", lambda *a: (family.do("DROP TABLE p2"), ask(*a))[1]):
        found = family.sweep()
    assert found.code == 0, found.err
    assert found.json["tables"] == {"public.roots": 100, "public.a": 100, "public.p": 100}


@pytest.mark.parametrize(
    ("ddl", "why"),
    [
        ("ALTER TABLE roots RENAME TO old", "it was dropped or renamed"),
        (
            (
                "CREATE TABLE other (LIKE roots INCLUDING ALL); INSERT INTO other TABLE roots;"
                "ALTER TABLE roots RENAME TO old; ALTER TABLE other RENAME TO roots"
            ),
            "another table has its name now",
        ),
    ],
    ids=["renamed", "swapped"],
)
def test_an_archive_holds_what_went_before_the_table_was_renamed(
    family: Family, tmp_path: Path, ddl: str, why: str
) -> None:
    """Exit 75; row by row the archive has what is missing, and the other table is untouched."""
    with after_batches(family, 2, ddl):
        found = family.sweep("--archive", str(tmp_path / "kept"))
    assert (found.code, why in found.json["message"]) == (75, True), found.err
    gone = 100 - family.count("old")
    assert gone == found.json["deleted_count"] == family.ledger() > 0
    if why.startswith("another"):
        assert family.count("roots") == 100 - gone
        family.do("DROP TABLE roots")
    family.do("ALTER TABLE old RENAME TO roots")
    back = family.inside("restore", found.json["run_id"], "--json")
    assert back.code == 0, back.err
    assert [family.count(table) for table in ("roots", "a", "p")] == [100, 100, 100]
