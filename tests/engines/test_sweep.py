"""What a sweep removes, and what it leaves."""

from collections.abc import Callable

import psycopg
import pytest

from maintcli.engines.base import retry
from tests.parts.inside import Inside

Conn = psycopg.Connection[tuple[object, ...]]


def fill(conn: Conn, rows: int, stale: float) -> int:
    """Put `rows` sessions in, a share of `stale` of them ten minutes old; return the stale ones.

    The others stay fresh for an hour, however long a busy machine takes for the test.
    """
    conn.execute(
        "INSERT INTO active_sessions (session_id, access_key, last_heartbeat)"
        " SELECT 's' || i, 'k' || i, now() - CASE WHEN (i::bigint * 7919) %% 10000 < %s * 10000"
        " THEN interval '10 min' ELSE interval '-1 h' END FROM generate_series(1, %s) i",
        [stale, rows],
    )
    return count(conn, "last_heartbeat < now() - interval '60 s'")


def count(conn: Conn, where: str = "true", table: str = "active_sessions") -> int:
    """Rows of the table for which `where` holds."""
    row = conn.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()  # type: ignore[arg-type]
    assert row is not None
    return int(str(row[0]))


@pytest.mark.parametrize(
    ("rows", "stale", "plan"), [(60_000, 0.6, "heap"), (60_000, 0.01, "index")]
)
def test_removes_the_stale_and_keeps_the_rest(
    inside: Inside, conn: Conn, rows: int, stale: float, plan: str
) -> None:
    """Both plans delete exactly the stale sessions, and the ledger says how many."""
    expected = fill(conn, rows, stale)
    result = inside("cleanup-sessions", "--json")
    assert (result.code, result.json["plan"]) == (0, plan), result.err
    assert result.json["deleted_count"] == expected
    assert result.json["remaining_count"] == rows - expected == count(conn)
    assert count(conn, f"deleted_count = {expected} AND outcome = 'success'", "job_runs") == 1


@pytest.mark.parametrize("stale", [0.6, 0.01])
def test_a_dry_run_counts_what_a_real_run_deletes(inside: Inside, conn: Conn, stale: float) -> None:
    """The dry run's number is the real run's, and it changes nothing, not even the ledger."""
    expected = fill(conn, 60_000, stale)
    dry = inside("cleanup-sessions", "--dry-run", "--json").json
    assert dry["deleted_count"] == expected
    assert count(conn) == 60_000
    assert count(conn, table="job_runs") == 0
    real = inside("cleanup-sessions", "--json").json
    assert (real["deleted_count"], real["plan"]) == (dry["deleted_count"], dry["plan"])


def test_a_second_run_has_nothing_to_do(inside: Inside, conn: Conn) -> None:
    """Running again is harmless."""
    fill(conn, 1_000, 0.5)
    inside("cleanup-sessions")
    assert inside("cleanup-sessions", "--json").json["deleted_count"] == 0


def test_an_empty_table_is_fine(inside: Inside) -> None:
    """No rows, no batches, success."""
    found = inside("cleanup-sessions", "--json").json
    assert (found["success"], found["batches"], found["deleted_count"]) == (True, 0, 0)


def test_sessions_without_heartbeat_are_kept_and_counted(inside: Inside, conn: Conn) -> None:
    """NULL is no age."""
    conn.execute("ALTER TABLE active_sessions ALTER last_heartbeat DROP NOT NULL")
    conn.execute("INSERT INTO active_sessions VALUES ('s', 'k', NULL)")
    fill(conn, 10, 1)
    found = inside("cleanup-sessions", "--json").json
    assert (found["null_count"], found["deleted_count"], found["remaining_count"]) == (1, 10, 1)


def test_many_rows_of_one_time_are_swept_along_the_index(inside: Inside, conn: Conn) -> None:
    """Ties larger than any window do not stop the index plan, nor leave anything behind."""
    fill(conn, 600_000, 0)
    conn.execute(
        "INSERT INTO active_sessions SELECT 't' || i, 'k', now() - CASE WHEN i < 9000 THEN"
        " interval '1 h' ELSE interval '2 h' + i * interval '1 s' END FROM generate_series(1, 9500) i"
    )
    found = inside("cleanup-sessions", "--json").json
    assert (found["plan"], found["deleted_count"], found["remaining_count"]) == (
        "index",
        9500,
        600_000,
    )


def test_one_locked_row_is_left_and_the_rest_is_done(inside: Inside, conn: Conn, db: str) -> None:
    """A row that others hold is counted and reported; the run succeeds."""
    fill(conn, 20_000, 0.5)
    with psycopg.connect(db) as other:
        other.execute(
            "SELECT FROM active_sessions WHERE last_heartbeat < now() - interval '60 s' LIMIT 1 FOR UPDATE"
        )
        result = inside("cleanup-sessions", "--json")
    assert result.code == 0
    assert result.json["locked_count"] == result.json["backlog"] == 1
    assert count(conn, "last_heartbeat < now() - interval '60 s'") == 1
    assert any("locked by other sessions" in warning for warning in result.json["warnings"])


def test_a_locked_table_is_given_up_in_time(
    inside: Inside, conn: Conn, db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ACCESS EXCLUSIVE held elsewhere: exit 75, nothing lost, and the next run goes on."""
    expected = fill(conn, 1_000, 0.5)
    monkeypatch.setattr(retry, "PATIENCE_SECONDS", 1.0)
    with psycopg.connect(db) as other:
        other.execute("LOCK TABLE active_sessions IN ACCESS EXCLUSIVE MODE")
        result = inside("cleanup-sessions")
    assert result.code == 75, result.err
    assert "was locked by pid" in result.err
    assert inside("cleanup-sessions", "--json").json["deleted_count"] == expected


def test_partitions_are_swept_one_by_one(inside: Inside, conn: Conn) -> None:
    """A partitioned table, with partitions of partitions, and with a default one."""
    conn.execute("DROP TABLE active_sessions")
    conn.execute(
        "CREATE TABLE active_sessions (session_id text, access_key text, last_heartbeat timestamptz)"
        " PARTITION BY HASH (session_id)"
    )
    conn.execute(
        "CREATE TABLE p0 PARTITION OF active_sessions FOR VALUES WITH (MODULUS 2, REMAINDER 0)"
    )
    conn.execute(
        "CREATE TABLE p1 PARTITION OF active_sessions FOR VALUES WITH (MODULUS 2, REMAINDER 1)"
        " PARTITION BY LIST (access_key)"
    )
    conn.execute("CREATE TABLE p1d PARTITION OF p1 DEFAULT")
    expected = fill(conn, 5_000, 0.4)
    found = inside("cleanup-sessions", "--json").json
    assert (found["deleted_count"], found["remaining_count"]) == (expected, 5_000 - expected)


def test_inheriting_tables_are_swept_too(inside: Inside, conn: Conn) -> None:
    """Rows of old-style children count as the parent's, as in any query."""
    conn.execute("CREATE TABLE young () INHERITS (active_sessions)")
    conn.execute("INSERT INTO young VALUES ('y', 'k', now() - interval '1 h')")
    fill(conn, 10, 1)
    assert inside("cleanup-sessions", "--json").json["deleted_count"] == 11


def test_a_table_without_a_key_is_swept(inside: Inside, conn: Conn) -> None:
    """No primary key, no index, no NOT NULL: nothing of that is needed."""
    conn.execute("DROP TABLE active_sessions")
    conn.execute(
        "CREATE TABLE active_sessions (session_id text, access_key text, last_heartbeat timestamptz)"
    )
    conn.execute(
        "INSERT INTO active_sessions SELECT 'same', 'same', now() - interval '1 h' FROM generate_series(1, 3)"
    )
    assert inside("cleanup-sessions", "--json").json["deleted_count"] == 3


TYPES: list[tuple[str, str, str, Callable[[str], str]]] = [
    ("timestamp", 'timezone = "Asia/Tokyo"', "1 h", lambda t: f"({t}) AT TIME ZONE 'Asia/Tokyo'"),
    ("bigint", 'epoch = "ms"', "1 h", lambda t: f"floor(extract(epoch FROM {t}) * 1000)"),
    ("integer", 'epoch = "s"', "1 h", lambda t: f"floor(extract(epoch FROM {t}))"),
    ("date", "", "3 days", lambda t: f"({t})::date"),
]


@pytest.mark.parametrize(("kind", "setting", "age", "value"), TYPES, ids=[t[0] for t in TYPES])
def test_time_columns_of_other_types(
    inside: Inside, conn: Conn, kind: str, setting: str, age: str, value: Callable[[str], str]
) -> None:
    """timestamp with a declared zone, epoch seconds and milliseconds, and dates say ages too."""
    conn.execute(
        f"ALTER TABLE active_sessions ALTER last_heartbeat DROP DEFAULT,"
        f" ALTER last_heartbeat TYPE {kind} USING NULL"
    )  # type: ignore[arg-type]
    for name, when in (("old", f"now() - interval '{age}'"), ("new", "now()")):
        conn.execute(
            f"INSERT INTO active_sessions (session_id, access_key, last_heartbeat) VALUES ('{name}', 'k', {value(when)})"
        )  # type: ignore[arg-type]
    (inside.folder / "maint.toml").write_text(f"[tables.active_sessions]\n{setting}\n")
    result = inside("cleanup-sessions", "--json")
    assert result.json.get("deleted_count") == 1, result.err
    assert count(conn, "session_id = 'new'") == 1


UNITS = [("ms", 1, "before 1990"), ("s", 1000, "after 2200")]


@pytest.mark.parametrize("indexed", [True, False])
@pytest.mark.parametrize(("unit", "scale", "side"), UNITS)
def test_an_epoch_in_the_wrong_unit_is_refused(
    inside: Inside, conn: Conn, *, unit: str, scale: int, side: str, indexed: bool
) -> None:
    """Seconds read as milliseconds would make every row stale; 0 and a far "never" are no sign."""
    conn.execute("DROP TABLE active_sessions")
    conn.execute(
        "CREATE TABLE active_sessions (session_id text, access_key text, last_heartbeat bigint)"
    )
    if indexed:
        conn.execute("CREATE INDEX ON active_sessions (last_heartbeat)")
    conn.execute(
        "INSERT INTO active_sessions SELECT i::text, 'k',"
        f" (extract(epoch FROM now()) - i)::bigint * {scale} FROM generate_series(1, 5) i"
    )  # type: ignore[arg-type]
    toml = inside.folder / "maint.toml"
    toml.write_text(f'[tables.active_sessions]\nepoch = "{unit}"\n')
    for flags in ((), ("-n",)):
        result = inside("cleanup-sessions", *flags)
        assert result.code == 65, result.err
        assert f'[tables.active_sessions] epoch = "{unit}" in maint.toml' in result.err
        assert side in result.err
    assert count(conn) == 5
    right = "s" if unit == "ms" else "ms"
    toml.write_text(f'[tables.active_sessions]\nepoch = "{right}"\n')
    conn.execute("INSERT INTO active_sessions VALUES ('z', 'k', 9223372036854775807)")
    assert inside("cleanup-sessions", "--json").json["deleted_count"] == 0
    conn.execute("UPDATE active_sessions SET last_heartbeat = 0")
    assert inside("cleanup-sessions", "--json").json["deleted_count"] == 6


def test_names_are_mapped_and_odd_ones_quoted(inside: Inside, conn: Conn) -> None:
    """A table and columns of any name PostgreSQL can hold, named in maint.toml."""
    conn.execute('CREATE SCHEMA "My App"')
    conn.execute(
        'CREATE TABLE "My App"."ses;sions ""x""" ("the id" text, "key$maint$" text, "seen at" timestamptz)'
    )
    conn.execute(
        'INSERT INTO "My App"."ses;sions ""x""" VALUES (\'a\', \'b\', now() - interval \'1 h\')'
    )
    lines = [
        "[tables.active_sessions]",
        'name = \'"My App"."ses;sions ""x"""\'',
        'columns = { session_id = "the id", access_key = "key$maint$", last_heartbeat = "seen at" }',
    ]
    (inside.folder / "maint.toml").write_text("\n".join(lines))
    result = inside("cleanup-sessions", "--json")
    assert result.json.get("deleted_count") == 1, result.err


def test_removed_sessions_are_named_and_the_rest_counted(inside: Inside, conn: Conn) -> None:
    """At most 20 lines, each the first 8 characters of key and id, then how many more."""
    fill(conn, 50, 1)
    lines = inside("cleanup-sessions").err.splitlines()
    assert len([line for line in lines if "removed k" in line]) == 20
    assert any(line.endswith("and 30 more") for line in lines)
