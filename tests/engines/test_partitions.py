"""Expired partitions go as a whole, where that is safe, and by rows where it is not."""

import signal
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.parts.cli import Maint
from tests.parts.inside import Inside
from tests.parts.package import install
from tests.parts.waiting import until

Conn = psycopg.Connection[tuple[Any, ...]]
EVENTS = "analytics_events"
TIMESTAMP = ("timestamptz", "now() - interval '{days} days'", "")
TYPES = {
    "timestamptz": TIMESTAMP,
    "timestamp": (
        "timestamp",
        "(now() - interval '{days} days') AT TIME ZONE 'Asia/Tokyo'",
        'timezone = "Asia/Tokyo"',
    ),
    "date": ("date", "current_date - {days}", ""),
    "bigint": (
        "bigint",
        "floor(extract(epoch FROM now() - interval '{days} days'))::bigint",
        'epoch = "s"',
    ),
    "integer": (
        "integer",
        "floor(extract(epoch FROM now() - interval '{days} days'))::integer",
        'epoch = "s"',
    ),
    "milliseconds": (
        "bigint",
        "floor(extract(epoch FROM now() - interval '{days} days') * 1000)::bigint",
        'epoch = "ms"',
    ),
}


def one(conn: Conn, query: str, *values: Any) -> Any:
    """The first value."""
    row = conn.execute(query, values or None).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return row[0]


def partitioned(
    conn: Conn, *bounds: tuple[str, str, str], kind: str = "timestamptz", at: str = TIMESTAMP[1]
) -> None:
    """Make the table anew with such partitions: (name, from, to), in days ago or as SQL."""
    conn.execute(f"DROP TABLE IF EXISTS {EVENTS} CASCADE")  # type: ignore[arg-type]
    conn.execute(
        f"CREATE TABLE {EVENTS} (id bigint GENERATED ALWAYS AS IDENTITY, occurred_at {kind})"
        " PARTITION BY RANGE (occurred_at)"
    )  # type: ignore[arg-type]
    for name, low, high in bounds:
        ends = [_edge(conn, end, at) for end in (low, high)]
        conn.execute(
            f"CREATE TABLE {name} PARTITION OF {EVENTS} FOR VALUES FROM ({ends[0]}) TO ({ends[1]})"
        )  # type: ignore[arg-type]


def _edge(conn: Conn, end: str, at: str) -> str:
    if not end.lstrip("-").isdigit():
        return end
    return f"'{one(conn, 'SELECT (' + at.format(days=end) + ')::text')}'"


def fill(conn: Conn, days: str, rows: int, at: str = TIMESTAMP[1]) -> None:
    """Put in that many rows of so many days ago."""
    conn.execute(
        f"INSERT INTO {EVENTS} (occurred_at) SELECT {at.format(days=days)}"
        f" FROM generate_series(1, {rows})"
    )  # type: ignore[arg-type]


def there(conn: Conn) -> list[str]:
    """The partitions of the table, by name."""
    rows = conn.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass"
        " AND NOT inhdetachpending ORDER BY 1",
        [EVENTS],
    )
    return [name for (name,) in rows]


def exists(conn: Conn, name: str) -> bool:
    """Whether there is such a table."""
    return bool(one(conn, "SELECT to_regclass(%s) IS NOT NULL", name))


@pytest.fixture
def months(conn: Conn) -> Conn:
    """Three partitions of 20, 20 and 20 rows: two of them expired by 90 days, one half-way."""
    partitioned(conn, ("p1", "400", "300"), ("p2", "300", "100"), ("p3", "100", "-10"))
    for days, rows in (("350", 20), ("200", 20), ("95", 5), ("5", 15)):
        fill(conn, days, rows)
    return conn


YES = ("--yes-really", "1000000")


def test_expired_partitions_are_dropped_and_the_boundary_is_swept(
    inside: Inside, months: Conn, sweep_events: str
) -> None:
    """The count is that of all rows that are gone, in report and ledger alike."""
    result = inside(sweep_events, *YES, "--json")
    assert result.code == 0, result.err
    assert there(months) == ["p3"]
    assert not exists(months, "p1")
    assert not exists(months, "p2")
    assert (result.json["deleted_count"], result.json["dropped_partitions"]) == (45, 2)
    assert result.json["tables"] == {"public.analytics_events": 45}
    assert result.json["remaining_count"] == 15 == one(months, f"SELECT count(*) FROM {EVENTS}")
    ledger = months.execute("SELECT deleted_count, batches, outcome FROM job_runs").fetchall()
    assert ledger == [(45, result.json["batches"], "success")]
    assert "dropped public.p1 with 20 rows" in result.err


@pytest.mark.parametrize("name", TYPES)
def test_bounds_are_compared_in_the_column_s_own_type(
    inside: Inside, conn: Conn, sweep_events: str, name: str
) -> None:
    """A bound at the cutoff's own day decides; MINVALUE is old, MAXVALUE never expires."""
    kind, at, setting = TYPES[name]
    (inside.folder / "maint.toml").write_text(f"[tables.{EVENTS}]\n{setting}\n")
    partitioned(
        conn,
        ("p0", "MINVALUE", "1000"),
        ("p1", "1000", "92"),
        ("p2", "92", "88"),
        ("p3", "88", "MAXVALUE"),
        kind=kind,
        at=at,
    )
    for days in ("2000", "95", "91", "89", "2"):
        fill(conn, days, 3, at)
    result = inside(sweep_events, *YES, "--json")
    assert result.code == 0, result.err
    assert there(conn) == ["p2", "p3"]
    assert result.json["deleted_count"] == 9
    assert one(conn, f"SELECT count(*) FROM {EVENTS}") == 6


def test_the_last_and_the_default_partition_stay(
    inside: Inside, conn: Conn, sweep_events: str
) -> None:
    """They are swept by rows; beside a default one the others are detached in the plain way."""
    partitioned(conn, ("p1", "400", "300"), ("p2", "300", "200"))
    conn.execute(f"CREATE TABLE rest PARTITION OF {EVENTS} DEFAULT")  # type: ignore[arg-type]
    for days in ("350", "250", "150", "5"):
        fill(conn, days, 10)
    result = inside(sweep_events, *YES, "--json")
    assert result.code == 0, result.err
    assert there(conn) == ["p2", "rest"]
    assert result.json["deleted_count"] == 30
    assert one(conn, f"SELECT count(*) FROM {EVENTS}") == 10
    assert "public.p2 is expired as a whole and the last one, so it is swept" in result.err


def test_a_dry_run_lists_them_and_changes_nothing(
    inside: Inside, months: Conn, sweep_events: str
) -> None:
    """Which, with rows and bytes; the guards count their rows as ever."""
    refused = inside(sweep_events, "-n", "--max-rows", "44")
    assert refused.code == 65
    result = inside(sweep_events, "-n", *YES, "--json")
    assert result.code == 0, result.err
    size = one(months, "SELECT pg_total_relation_size('p1')")
    said = f"public.p1 is expired as a whole: it would be dropped, with 20 rows and {size:,} bytes"
    assert said in result.err
    assert "public.p3 is expired" not in result.err
    assert result.json["deleted_count"] == 45
    assert there(months) == ["p1", "p2", "p3"]


def test_detached_ones_may_be_kept(inside: Inside, months: Conn, sweep_events: str) -> None:
    """They are no deleted rows, they have their own figures, and no later run takes them."""
    shown = inside(sweep_events, *YES, "--keep-detached", "--dry-run", "--json").json
    result = inside(sweep_events, *YES, "--keep-detached", "--json")
    assert result.code == 0, result.err
    for figure in ("deleted_count", "remaining_count"):
        assert shown[figure] == result.json[figure]
    assert there(months) == ["p3"]
    assert (result.json["deleted_count"], result.json["detached_count"]) == (5, 2)
    assert result.json["detached_rows"] == 40
    assert one(months, "SELECT deleted_count FROM job_runs") == 5
    assert inside(sweep_events, *YES, "--json").json["deleted_count"] == 0
    assert one(months, "SELECT count(*) FROM p1") == 20


def test_a_comment_of_the_user_s_is_not_lost(
    inside: Inside, months: Conn, sweep_events: str
) -> None:
    """A partition that is detached and kept still has it, behind what we have to say."""
    months.execute("COMMENT ON TABLE p1 IS 'the first'")
    inside(sweep_events, *YES, "--keep-detached")
    comment = one(months, "SELECT obj_description('p1'::regclass)")
    assert comment.startswith("maint detaches this partition of table ")
    assert comment.endswith("\nthe first")


BY_ROWS = {
    "a foreign key": (
        "ALTER TABLE p1 ADD PRIMARY KEY (id); CREATE TABLE x (id bigint REFERENCES p1)",
        "public.p1 is expired as a whole, but swept row by row: foreign keys refer to it",
        ["p1", "p3"],
    ),
    "a view": (
        "CREATE VIEW x AS SELECT * FROM p1",
        "public.p1 is expired as a whole, but swept row by row: a view, a function or another",
        ["p1", "p3"],
    ),
    "a function": (
        "CREATE FUNCTION x() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM p1; END",
        "public.p1 is expired as a whole, but swept row by row: a view, a function or another",
        ["p1", "p3"],
    ),
    "a sequence": (
        "CREATE SEQUENCE s OWNED BY p1.id; CREATE TABLE x (id bigint DEFAULT nextval('s'))",
        "public.p1 is expired as a whole, but swept row by row: a view, a function or another",
        ["p1", "p3"],
    ),
    "a column of its row type": (
        "CREATE TABLE x (rows p1[])",
        "public.p1 is expired as a whole, but swept row by row: a view, a function or another",
        ["p1", "p3"],
    ),
    "a policy of another table": (
        "CREATE TABLE x (id bigint); CREATE POLICY y ON x USING (id IN (SELECT id FROM p1))",
        "public.p1 is expired as a whole, but swept row by row: a view, a function or another",
        ["p1", "p3"],
    ),
    "a trigger": (
        (
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN old; END';"
            f" CREATE TRIGGER t BEFORE DELETE ON {EVENTS} FOR EACH ROW EXECUTE FUNCTION f()"
        ),
        "triggers or rules act on rows that are deleted",
        ["p1", "p2", "p3"],
    ),
    "a TRUNCATE trigger of the table": (
        (
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN old; END';"
            f" CREATE TRIGGER t BEFORE TRUNCATE ON {EVENTS} EXECUTE FUNCTION f()"
        ),
        "triggers or rules act on rows that are deleted",
        ["p1", "p2", "p3"],
    ),
    "a statement trigger of a partition": (
        (
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN old; END';"
            " CREATE TRIGGER t AFTER DELETE ON p1 EXECUTE FUNCTION f()"
        ),
        "public.p1 is expired as a whole, but swept row by row: triggers or rules act on",
        ["p1", "p3"],
    ),
    "a rule of a partition": (
        (
            "CREATE TABLE audit (id bigint);"
            " CREATE RULE r AS ON DELETE TO p1 DO ALSO INSERT INTO audit VALUES (old.id)"
        ),
        "public.p1 is expired as a whole, but swept row by row: triggers or rules act on",
        ["p1", "p3"],
    ),
    "a publication": (
        (
            "".join(f"ALTER TABLE {p} REPLICA IDENTITY FULL;" for p in ("p1", "p2", "p3"))
            + f"CREATE PUBLICATION sent FOR TABLE {EVENTS}"
        ),
        "public.p2 is expired as a whole, but swept row by row: a publication sends the rows",
        ["p1", "p2", "p3"],
    ),
}


@pytest.mark.parametrize("case", BY_ROWS)
def test_what_others_need_is_swept_by_rows(
    inside: Inside, months: Conn, sweep_events: str, case: str
) -> None:
    """Rows are gone all the same, and why it took longer is said."""
    statement, said, stay = BY_ROWS[case]
    months.execute(statement)  # type: ignore[arg-type]
    result = inside(sweep_events, *YES, "--json")
    assert result.code == 0, result.err
    assert said in result.err
    assert there(months) == stay
    assert result.json["deleted_count"] == 45


def test_a_limit_counts_rows(inside: Inside, months: Conn, sweep_events: str) -> None:
    """No partition is dropped that holds more than may be deleted."""
    result = inside(sweep_events, *YES, "--limit", "30", "--json")
    assert result.code == 0, result.err
    assert result.json["deleted_count"] == 30
    assert len(there(months)) == 3
    assert "2 expired partitions of public.analytics_events are swept row by row" in result.err


def test_who_is_not_the_owner_sweeps_by_rows(
    inside: Inside, months: Conn, sweep_events: str, db: str
) -> None:
    """And is told what would be needed."""
    months.execute(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sweeper') THEN"
        " CREATE ROLE sweeper LOGIN; END IF; END $$"
    )
    months.execute("GRANT SELECT, DELETE ON p1, p2, p3 TO sweeper")
    months.execute(f"GRANT SELECT, DELETE ON {EVENTS} TO sweeper")  # type: ignore[arg-type]
    months.execute("GRANT ALL ON job_heartbeats, job_runs, job_slots TO sweeper")
    result = inside(
        sweep_events, *YES, "--json", env={"DATABASE_URL": db.replace("postgres@", "sweeper@")}
    )
    assert result.code == 0, result.err
    assert result.json["deleted_count"] == 45
    assert there(months) == ["p1", "p2", "p3"]
    assert "let sweeper be a member of the role that owns it" in result.err


def test_partitions_of_another_kind_are_swept_by_rows(
    inside: Inside, conn: Conn, sweep_events: str
) -> None:
    """By another column, by an expression, by two columns: their bounds say nothing of age."""
    for number, key in enumerate(("id", "(occurred_at + interval '1 h')", "occurred_at, id")):
        conn.execute(f"DROP TABLE IF EXISTS {EVENTS} CASCADE")  # type: ignore[arg-type]
        conn.execute(
            f"CREATE TABLE {EVENTS} (id bigint, occurred_at timestamp) PARTITION BY RANGE ({key})"
        )  # type: ignore[arg-type]
        ends = ["1", "'2001-01-01'", "'2001-01-01', 1"][number]
        starts = ["0", "'2000-01-01'", "'2000-01-01', 1"][number]
        for name, low, high in (("q1", starts, ends), ("q2", ends, ends.replace("1", "9", 1))):
            conn.execute(
                f"CREATE TABLE {name} PARTITION OF {EVENTS} FOR VALUES FROM ({low}) TO ({high})"
            )  # type: ignore[arg-type]
        conn.execute(f"INSERT INTO {EVENTS} VALUES (0, '2000-06-01')")  # type: ignore[arg-type]
        (inside.folder / "maint.toml").write_text(f'[tables.{EVENTS}]\ntimezone = "UTC"\n')
        result = inside(sweep_events, "--json")
        assert (result.code, result.json["deleted_count"]) == (0, 1), result.err
        assert there(conn) == ["q1", "q2"]


def test_a_tree_of_partitions_goes_as_a_whole(
    inside: Inside, months: Conn, sweep_events: str
) -> None:
    """A partition that has partitions itself, all of them within its bounds."""
    months.execute("DROP TABLE p1")
    low, high = _edge(months, "400", TIMESTAMP[1]), _edge(months, "301", TIMESTAMP[1])
    months.execute(
        f"CREATE TABLE p1 PARTITION OF {EVENTS} FOR VALUES FROM ({low}) TO ({high})"
        " PARTITION BY HASH (id)"
    )  # type: ignore[arg-type]
    months.execute("CREATE TABLE p1a PARTITION OF p1 FOR VALUES WITH (MODULUS 2, REMAINDER 0)")
    months.execute("CREATE TABLE p1b PARTITION OF p1 FOR VALUES WITH (MODULUS 2, REMAINDER 1)")
    fill(months, "350", 40)
    result = inside(sweep_events, *YES, "--json")
    assert result.code == 0, result.err
    assert (result.json["deleted_count"], there(months)) == (65, ["p3"])
    assert not exists(months, "p1a")


# -- others at work


@pytest.mark.usefixtures("clock")
def test_a_partition_that_is_read_is_left_whole(
    inside: Inside, months: Conn, sweep_events: str, db: str
) -> None:
    """It is counted, said, and gone with the next run; nothing is half detached."""
    with psycopg.connect(db) as reader:
        reader.execute("SELECT FROM p1 LIMIT 1")
        result = inside(sweep_events, *YES, "--json")
        assert result.code == 0, result.err
        assert there(months) == ["p1", "p3"]
    assert result.json["locked_count"] == result.json["backlog"] == 20
    assert (result.json["deleted_count"], result.json["remaining_count"]) == (25, 35)
    assert one(months, "SELECT obj_description('p1'::regclass)") is None
    assert any("public.p1 is expired as a whole, but others" in w for w in result.json["warnings"])
    assert inside(sweep_events, *YES, "--json").json["deleted_count"] == 20


GATE = """
CREATE TABLE gate (open boolean NOT NULL);
CREATE FUNCTION wait_for_gate() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
    WHILE NOT EXISTS (SELECT FROM public.gate WHERE open) LOOP PERFORM pg_sleep(0.005); END LOOP;
END $$;
CREATE EVENT TRIGGER gate ON ddl_command_start WHEN TAG IN ('DROP TABLE')
    EXECUTE FUNCTION wait_for_gate();
"""
WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'maint/%%'"
    " AND datname = current_database() AND wait_event = %s"
)


@pytest.fixture
def started(maint: Maint, tmp_path: Path, db: str) -> Generator[Maint]:
    """Runs the job in a process of its own, which a test may kill."""
    site = tmp_path / "site"
    text = (Path(__file__).parent / "events.py").read_text()
    install(site, "events-package", {"sweep-events": "events_job:sweep_events"}, events_job=text)
    (maint.folder / "maint.toml").write_text('plugins = ["events-package"]\n')
    maint.env = {"PYTHONPATH": str(site), "DATABASE_URL": db}
    return maint


def kill(process: Any, conn: Conn) -> None:
    """Kill a run and its sessions on the server, as when the machine is gone."""
    process.send_signal(signal.SIGKILL)
    process.communicate()
    ours = "FROM pg_stat_activity WHERE application_name LIKE 'maint/%' AND datname = current_database()"
    conn.execute(f"SELECT pg_terminate_backend(pid) {ours}")  # type: ignore[arg-type]
    until(lambda: one(conn, f"SELECT count(*) {ours}") == 0, "the sessions end")
    conn.execute("UPDATE job_heartbeats SET lease_expires_at = now() - interval '1 s'")


def test_killed_between_detach_and_drop_the_next_run_drops(
    started: Maint, months: Conn, sweep_events: str
) -> None:
    """The detached table is known again, and its rows are counted once."""
    months.execute(GATE)
    process = started.start(sweep_events, *YES)
    until(lambda: one(months, WAITING, "PgSleep"), "a DROP waits")
    kill(process, months)
    assert there(months) == ["p2", "p3"]
    assert one(months, "SELECT count(*) FROM p1") == 20
    assert one(months, "SELECT sum(deleted_count) FROM job_runs") == 0
    dry = started(sweep_events, *YES, "-n", "--json")
    assert "public.p1 was being detached by an earlier run, and would be dropped" in dry.err
    assert (dry.json["deleted_count"], dry.json["remaining_count"]) == (45, 15)
    assert "has 45 rows that would go;" in started(sweep_events, "--yes-really", "44").err
    months.execute("INSERT INTO gate VALUES (true)")
    result = started(sweep_events, *YES, "--json")
    assert result.code == 0, result.err
    assert "public.p1 was detached by an earlier run, to be dropped" in result.err
    assert (result.json["deleted_count"], there(months)) == (45, ["p3"])
    assert not exists(months, "p1")
    assert one(months, "SELECT sum(deleted_count) FROM job_runs") == 45


def test_killed_in_mid_detach_the_next_run_finishes_it(
    started: Maint, months: Conn, sweep_events: str, db: str
) -> None:
    """A partition between inside and outside is detached to the end, and dropped."""
    with psycopg.connect(db) as reader:
        months.execute("CREATE TABLE gate (open boolean)")
        # A reader that comes after the look for readers: the comment waits for it to be there.
        reader.execute("LOCK TABLE p1 IN SHARE UPDATE EXCLUSIVE MODE")
        process = started.start(sweep_events, *YES)
        until(lambda: one(months, WAITING, "relation"), "the mark waits")
        with psycopg.connect(db) as second:
            second.execute(f"SELECT FROM {EVENTS} LIMIT 1")  # type: ignore[arg-type]
            reader.rollback()
            until(lambda: one(months, WAITING, "virtualxid"), "the detach waits")
            kill(process, months)
    assert there(months) == ["p2", "p3"]
    pending = "SELECT count(*) FROM pg_inherits WHERE inhdetachpending"
    assert one(months, pending) == 1
    assert started(sweep_events, *YES, "-n", "--json").json["deleted_count"] == 45
    assert started(sweep_events, "--yes-really", "44").code == 65
    result = started(sweep_events, *YES, "--json")
    assert result.code == 0, result.err
    assert (result.json["deleted_count"], there(months)) == (45, ["p3"])
    assert one(months, pending) == 0
    assert not exists(months, "p1")


def test_a_stranger_s_unfinished_detach_is_left_alone(
    inside: Inside, months: Conn, sweep_events: str, db: str
) -> None:
    """Somebody else's partition, half detached: the others go by rows, and how to end it is said."""
    with psycopg.connect(db) as reader, psycopg.connect(db, autocommit=True) as stranger:
        reader.execute(f"SELECT FROM {EVENTS} LIMIT 1")  # type: ignore[arg-type]
        stranger.execute("SET lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            stranger.execute(f"ALTER TABLE {EVENTS} DETACH PARTITION p1 CONCURRENTLY")  # type: ignore[arg-type]
    result = inside(sweep_events, *YES, "--json")
    assert result.code == 0, result.err
    assert result.json["deleted_count"] == 25
    assert "the detaching of public.p1 has begun and not ended" in result.err
    assert one(months, "SELECT count(*) FROM p1") == 20


def test_an_event_trigger_that_refuses_is_said_of_its_partition(
    inside: Inside, months: Conn, sweep_events: str
) -> None:
    """With the rule, whatever statement it refuses, also when the next run meets it."""
    months.execute(
        "CREATE FUNCTION keep_tables() RETURNS event_trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'tables are kept here'; END $$;"
        "CREATE EVENT TRIGGER keep_tables ON sql_drop WHEN TAG IN ('DROP TABLE')"
        " EXECUTE FUNCTION keep_tables()"
    )
    for _ in range(2):
        result = inside(sweep_events)
        assert result.code == 1
        assert f"public.{EVENTS}" in result.err
        assert ", partition public." in result.err
        assert "PostgreSQL says: tables are kept here (P0001)." in result.err
        assert "keep_tables() raised it." in result.err
    months.execute("DROP EVENT TRIGGER keep_tables")
    assert inside(sweep_events).code == 0


def test_a_fresh_row_is_never_dropped(inside: Inside, months: Conn, sweep_events: str) -> None:
    """Should one be in a detached table, the table stays, loudly."""
    oid = one(months, "SELECT %s::regclass::oid", EVENTS)
    mark = f"maint detaches this partition of table {oid} to drop it (public.{EVENTS}, run 1)"
    months.execute(f"ALTER TABLE {EVENTS} DETACH PARTITION p1")  # type: ignore[arg-type]
    months.execute(f"COMMENT ON TABLE p1 IS '{mark}'")  # type: ignore[arg-type]
    months.execute("INSERT INTO p1 (id, occurred_at) VALUES (7, now()), (8, NULL)")
    result = inside(sweep_events, *YES, "--json")
    assert result.code == 0, result.err
    assert one(months, "SELECT count(*) FROM p1") == 22
    assert result.json["deleted_count"] == 25 == one(months, "SELECT deleted_count FROM job_runs")
    assert any("NOT dropped: 2 of its rows" in warning for warning in result.json["warnings"])


def test_a_mark_that_came_to_nothing_is_taken_back(
    inside: Inside, months: Conn, sweep_events: str
) -> None:
    """A run killed before its detach leaves a comment; who detaches that partition later keeps it."""
    oid = one(months, "SELECT %s::regclass::oid", EVENTS)
    mark = f"maint detaches this partition of table {oid} to drop it (public.{EVENTS}, run 1)"
    months.execute(f"COMMENT ON TABLE p3 IS '{mark}\nmine'")  # type: ignore[arg-type]
    assert inside(sweep_events, *YES).code == 0
    assert one(months, "SELECT obj_description('p3'::regclass)") == "mine"


def test_without_a_ledger_they_go_too(inside: Inside, months: Conn, sweep_events: str) -> None:
    """The report alone counts them."""
    result = inside(sweep_events, *YES, "--no-ledger", "--json")
    assert result.code == 0, result.err
    assert (result.json["deleted_count"], there(months)) == (45, ["p3"])


def test_an_archive_wants_the_rows(
    inside: Inside, months: Conn, sweep_events: str, tmp_path: Path
) -> None:
    """With --archive the partitions stay, and every row of theirs is deleted and kept."""
    result = inside(sweep_events, *YES, "--archive", str(tmp_path / "kept"), "--json")
    assert result.code == 0, result.err
    assert "swept row by row: --archive keeps exactly the rows" in result.err
    assert (result.json["deleted_count"], there(months)) == (45, ["p1", "p2", "p3"])


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_of_several_processes_the_first_drops_them(
    inside: Inside, months: Conn, sweep_events: str, order: tuple[int, ...]
) -> None:
    """Counted once, whoever comes first; the others leave the expired ones alone, in dry runs too."""
    parts = {number: ("--shard", f"{number}/3") for number in order}
    dry = {n: inside(sweep_events, *part, "--dry-run", "--json") for n, part in parts.items()}
    assert sum(result.json["deleted_count"] for result in dry.values()) == 45
    assert dry[0].json["deleted_count"] >= 40
    assert "2 partitions are expired as a whole: part 0 drops them" in dry[1].err
    real = {n: inside(sweep_events, *part, *YES, "--json") for n, part in parts.items()}
    assert [result.code for result in real.values()] == [0, 0, 0], real[0].err
    assert there(months) == ["p3"]
    for number, result in real.items():
        assert result.json["deleted_count"] == dry[number].json["deleted_count"]
        assert result.json.get("dropped_partitions") == (2 if number == 0 else None)
        assert number == 0 or result.json["bytes_returned"] == 0
    assert one(months, "SELECT sum(deleted_count) FROM job_runs") == 45
    assert one(months, f"SELECT count(*) FROM {EVENTS}") == 15


@pytest.mark.parametrize("number", [0, 1])
def test_a_guard_of_a_part_sees_expired_partitions_as_well(
    inside: Inside, months: Conn, sweep_events: str, number: int
) -> None:
    """Part 0 drops more than its share, and the others less: each asks about the whole."""
    fill(months, "200", 2000)
    result = inside(sweep_events, "--shard", f"{number}/3")
    assert (result.code, "--max-percent 50 allows" in result.err) == (65, True), result.err
    assert there(months) == ["p1", "p2", "p3"]


def test_a_plan_of_a_part_holds_what_it_drops(
    inside: Inside, months: Conn, sweep_events: str, tmp_path: Path
) -> None:
    """And that of another part does not."""
    for number in (1, 0):
        plan, part = str(tmp_path / f"plan{number}"), ("--shard", f"{number}/2")
        assert inside(sweep_events, *part, "--dry-run", "--plan", plan).code == 0
        result = inside(sweep_events, *part, "--apply", plan)
        assert result.code == 0, result.err
    assert there(months) == ["p3"]


def test_a_partition_that_others_drop_meanwhile_is_passed_over(
    inside: Inside, conn: Conn, db: str, sweep_events: str
) -> None:
    """As part 0 may do it a moment after another part has looked."""
    partitioned(conn, ("pa", "400", "80"), ("pb", "80", "40"), ("pc", "40", "-10"))
    fill(conn, "200", 10)
    fill(conn, "60", 10)
    with psycopg.connect(db) as other:
        other.execute("UPDATE pa SET occurred_at = occurred_at")

        def drop_once_waited_for() -> None:
            query = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
            until(lambda: one(conn, query, other.info.backend_pid) > 0, "the sweep waits")
            other.execute("DROP TABLE pb")
            other.commit()

        thread = threading.Thread(target=drop_once_waited_for)
        thread.start()
        result = inside(sweep_events, *YES, "--json")
        thread.join()
    assert (result.code, result.json["outcome"]) == (0, "success"), result.err
    assert "public.pb: dropped by others meanwhile" in result.err


def test_what_was_left_over_counts_once_for_its_table(inside: Inside, months: Conn) -> None:
    """A detached partition goes once, however many rules its table has: dry run, guard and run."""
    rule = f'[[retention]]\ntable = "public.{EVENTS}"\ncolumn = "occurred_at"\n'
    (inside.folder / "maint.toml").write_text(
        f'{rule}name = "all"\nkeep = "90d"\n{rule}name = "older"\nkeep = "250d"\n'
    )
    months.execute(f"ALTER TABLE {EVENTS} DETACH PARTITION p1")
    oid = one(months, "SELECT %s::regclass::oid", EVENTS)
    mark = f"maint detaches this partition of table {oid} to drop it (a run that was killed)"
    months.execute(f"COMMENT ON TABLE p1 IS '{mark}'")  # type: ignore[arg-type]
    dry = inside("retention-cleanup", *YES, "--dry-run", "--json").json
    assert [rule["deleted_count"] for rule in dry["rules"]] == [45, 0]
    assert (dry["deleted_count"], dry["remaining_count"]) == (45, 15)
    assert "has 45 rows that would go;" in inside("retention-cleanup", "--yes-really", "44").err
    result = inside("retention-cleanup", "--yes-really", "45", "--json")
    assert (result.code, result.json["deleted_count"]) == (0, 45), result.err
    assert (exists(months, "p1"), one(months, f"SELECT count(*) FROM {EVENTS}")) == (False, 15)
