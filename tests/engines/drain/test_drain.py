"""The protocol of a drain, seen in the rows."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from maintcli import registry
from maintcli.api import Insert, Item, Result, Verdict
from tests.engines.drain import worker
from tests.parts.cli import Result as Ended
from tests.parts.clock import Clock
from tests.parts.faults import Moment
from tests.parts.inside import Inside
from tests.parts.proxy import proxy
from tests.parts.server import Server

Conn = psycopg.Connection[Any]
Drain = Callable[..., Ended]


@pytest.fixture
def drain(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> Drain:
    """Runs the job with a handler: `drain(handle, "--limit", "3")`."""
    entry = registry.Entry(worker.TARGET, "Work off jobs.", "Queues")
    monkeypatch.setitem(registry.JOBS, "drain-jobs", entry)

    def run(handle: Callable[[Item], Result] = worker.done, *options: str, **more: Any) -> Ended:
        monkeypatch.setattr(worker, "handler", [handle])
        return inside("drain-jobs", "--json", *options, **more)

    return run


def add(conn: Conn, count: int = 1, *, kind: str = "a", priority: int = 2, age: int = 60) -> None:
    conn.execute(
        "INSERT INTO jobs (type, priority, created_at, run_after)"
        " SELECT %s, %s, at, at FROM (SELECT now() - make_interval(secs => %s - i) AS at"
        " FROM generate_series(1, %s) i) made",
        [kind, priority, age, count],
    )


def statuses(conn: Conn) -> dict[str, int]:
    return dict(conn.execute("SELECT status, count(*) FROM jobs GROUP BY status").fetchall())


def outcomes(conn: Conn) -> list[str | None]:
    rows = conn.execute("SELECT outcome FROM job_attempts ORDER BY id").fetchall()
    return [outcome for (outcome,) in rows]


def test_each_due_item_is_handed_out_once_by_priority(drain: Drain, conn: Conn) -> None:
    """By priority, then age; what is not due yet waits; the attempts are on record."""
    add(conn, 2, priority=3)
    add(conn, 2, priority=0, age=30)
    conn.execute("INSERT INTO jobs (type, run_after) VALUES ('later', now() + interval '1 hour')")
    seen = list[str]()

    def handle(item: Item) -> Result:
        seen.append(item.key)
        return Result(Verdict.DONE)

    found = drain(handle)
    assert found.code == 0, found.err
    assert seen == ["3", "4", "1", "2"]
    assert statuses(conn) == {"completed": 4, "pending": 1}
    assert found.json["done_count"] == 4
    assert (found.json["backlog"], found.json["message"]) == (0, "Done 4 items of public.jobs.")
    assert outcomes(conn) == ["done"] * 4


def test_one_claim_of_ten_goes_to_the_oldest(drain: Drain, conn: Conn) -> None:
    """A queue that is never empty of urgent work does not starve the rest."""
    add(conn, 1, priority=3, kind="old", age=3600)
    add(conn, 30, priority=0)
    found = drain(worker.done, "--limit", "10")
    assert found.json["done_count"] == 10
    done = conn.execute("SELECT type FROM jobs WHERE status = 'completed' AND id = 1").fetchall()
    assert done == [("old",)]
    assert found.json["backlog"] == 21


def test_a_failing_item_waits_and_is_given_up_at_last(drain: Drain, conn: Conn) -> None:
    """Twice it is tried again later; the third failure is for good: exit 3, others untouched."""
    add(conn, 1, kind="bad")
    add(conn, 1, kind="good")

    def handle(item: Item) -> Result:
        if item["type"] == "bad":
            raise RuntimeError("no luck\nwith \x1b[31mit")
        return Result(Verdict.DONE)

    codes = list[int]()
    for _ in range(3):
        codes.append(drain(handle).code)
        conn.execute("UPDATE jobs SET run_after = now() WHERE status = 'pending'")
    assert codes == [0, 0, 3]
    assert statuses(conn) == {"completed": 1, "failed": 1}
    assert outcomes(conn) == ["transient", "done", "transient", "transient"]
    rows = conn.execute("SELECT retry_count, error_message FROM jobs WHERE type = 'bad'").fetchall()
    assert rows[0][0] == 3
    assert rows[0][1].startswith("RuntimeError: no luck with")


def test_the_wait_after_a_failure_grows(drain: Drain, conn: Conn) -> None:
    """15 and 30 seconds, give or take a tenth."""
    add(conn)
    waits = list[float]()
    for _ in range(2):
        drain(lambda _item: Result(Verdict.TRANSIENT, "later"))
        query = "SELECT extract(epoch FROM run_after - a.finished_at)::float8 FROM jobs, (SELECT"
        query += " max(finished_at) AS finished_at FROM job_attempts) a"
        waits.append(conn.execute(query).fetchone()[0])  # type: ignore[index, arg-type]
        conn.execute("UPDATE jobs SET run_after = now()")
    assert 13 <= waits[0] <= 17
    assert 26 <= waits[1] <= 34


def test_an_outage_stops_its_lane_and_costs_no_attempt(drain: Drain, conn: Conn) -> None:
    """The provider of one type is down: exit 69, its items as they were, the others done."""
    add(conn, 5, kind="down", priority=0)
    add(conn, 3, kind="up", priority=3)

    def handle(item: Item) -> Result:
        down = item["type"] == "down"
        return Result(Verdict.PROVIDER if down else Verdict.DONE, "connection refused" * down)

    found = drain(handle)
    assert found.code == 69
    assert "connection refused" in found.json["message"]
    assert statuses(conn) == {"pending": 5, "completed": 3}
    assert conn.execute("SELECT sum(retry_count) FROM jobs WHERE type = 'down'").fetchone() == (0,)
    assert outcomes(conn).count("provider") == 1
    assert found.json["backlog"] == 5


def test_a_limit_is_waited_for_where_the_time_allows(
    drain: Drain, conn: Conn, clock: Clock
) -> None:
    """A lane asks for 20 seconds: the run waits and goes on with the rest of the lane."""
    add(conn, 3)
    answers = iter([Result(Verdict.LIMITED, "slow down", retry_after=20)])
    found = drain(lambda _item: next(answers, Result(Verdict.DONE)))
    assert found.code == 0, found.err
    assert found.json["done_count"] == 2
    assert clock.ahead >= 19
    rows = conn.execute(
        "SELECT retry_count, run_after > now() + interval '10 s' FROM jobs WHERE status = 'pending'"
    ).fetchall()
    assert rows == [(0, True)]


def test_a_limit_beyond_the_budget_is_left_to_a_later_run(drain: Drain, conn: Conn) -> None:
    """An hour is not waited for: the items stay, and the run succeeds."""
    add(conn, 3)
    found = drain(lambda _item: Result(Verdict.LIMITED, retry_after=3600), "--timeout", "5m")
    assert (found.code, found.json["done_count"], found.json["backlog"]) == (0, 0, 2)
    assert statuses(conn) == {"pending": 3}


def test_five_failures_in_a_row_close_the_lane(drain: Drain, conn: Conn) -> None:
    """A dead endpoint stalls nothing: what is left of it burns no attempts in this run."""
    add(conn, 8, kind="dead", priority=0)
    add(conn, 2, kind="well", priority=3)

    def handle(item: Item) -> Result:
        return Result(Verdict.DONE if item["type"] == "well" else Verdict.TRANSIENT)

    found = drain(handle)
    assert (found.json["done_count"], found.json["retried_count"]) == (2, 5)
    untouched = "SELECT count(*) FROM jobs WHERE type = 'dead' AND retry_count = 0"
    assert conn.execute(untouched).fetchone() == (3,)


def test_an_attempt_cut_off_is_a_possible_duplicate(drain: Drain, conn: Conn) -> None:
    """What a killed run left is repeated once its lease is over, and counted as possible twice."""
    add(conn)
    drain(worker.done)
    conn.execute("UPDATE jobs SET status = 'pending', finished_at = NULL, started_at = NULL")
    conn.execute("UPDATE job_attempts SET outcome = NULL, finished_at = NULL")
    unknown = list[bool]()

    def handle(item: Item) -> Result:
        unknown.append(item.unknown)
        return Result(Verdict.DONE)

    found = drain(handle)
    assert unknown == [True]
    assert found.json["possible_duplicate_count"] == 1
    assert outcomes(conn) == ["unknown", "done"]


def test_a_claim_that_was_lost_is_said(drain: Drain, conn: Conn) -> None:
    """Another run took the item over while its handler was busy: nothing of it is overwritten."""
    add(conn)

    def handle(_item: Item) -> Result:
        conn.execute("UPDATE jobs SET run_token = gen_random_uuid()")
        return Result(Verdict.DONE)

    found = drain(handle)
    assert (found.code, found.json["done_count"], found.json["lost_count"]) == (0, 0, 1)
    assert "it may be done twice" in found.json["warnings"][0]
    assert statuses(conn) == {"running": 1}


def test_a_result_is_stored_with_the_settle(drain: Drain, conn: Conn) -> None:
    """Columns and rows of other tables, in the same transaction; JSON as JSON."""
    add(conn)
    mail = Insert(
        "email_retry_queue",
        {
            "order_id": "7",
            "email_type": "done",
            "recipient": "a@example.com",
            "payload": {"a": "é"},
        },
    )
    found = drain(
        lambda _item: Result(Verdict.DONE, values={"progress": [1, {"b": None}]}, inserts=(mail,))
    )
    assert found.code == 0, found.err
    assert conn.execute("SELECT progress FROM jobs").fetchone() == ([1, {"b": None}],)
    assert conn.execute("SELECT payload FROM email_retry_queue").fetchone() == ({"a": "é"},)


def test_a_result_that_cannot_be_stored_is_a_failure_of_the_item(drain: Drain, conn: Conn) -> None:
    """It is tried again, and nothing of it is stored."""
    add(conn, 2)
    bad = Insert("email_retry_queue", {"order_id": None, "email_type": "x", "recipient": "a"})

    def handle(item: Item) -> Result:
        return Result(Verdict.DONE, inserts=(bad,) if item.key == "1" else ())

    found = drain(handle)
    assert (found.code, found.json["done_count"], found.json["retried_count"]) == (0, 1, 1)
    (message,) = conn.execute("SELECT error_message FROM jobs WHERE id = 1").fetchone() or ("",)
    assert "could not be stored" in message


def test_an_item_may_be_continued_without_an_attempt(drain: Drain, conn: Conn) -> None:
    """Its progress is kept, and it is handed out again; not counted as done."""
    add(conn)
    found = drain(
        lambda _item: Result(Verdict.DONE, again=True, retry_after=60, values={"progress": 5})
    )
    assert (found.code, found.json["done_count"]) == (0, 0)
    rows = conn.execute("SELECT status, retry_count, progress FROM jobs").fetchall()
    assert rows == [("pending", 0, 5)]


def test_a_dry_run_shows_and_claims_nothing(drain: Drain, conn: Conn) -> None:
    """The count, the first items; no handler is called."""
    add(conn, 7)
    found = drain(lambda _item: pytest.fail("called"), "--dry-run")
    assert (found.code, found.json["due_count"]) == (0, 7)
    assert found.json["first"] == ["1", "2", "3", "4", "5"]
    assert found.json["message"].startswith("7 items of public.jobs are due; the oldest")
    assert statuses(conn) == {"pending": 7}


def test_missing_columns_are_named_with_the_statement_that_adds_them(
    drain: Drain, conn: Conn
) -> None:
    """Without a lease and a token no promise can be kept: 78, and the ALTER TABLE to run."""
    conn.execute("ALTER TABLE jobs DROP COLUMN locked_until, DROP COLUMN run_token")
    found = drain()
    assert found.code == 78
    statement = "ALTER TABLE public.jobs ADD COLUMN locked_until timestamptz, ADD COLUMN run_token"
    assert found.json["statements"] == [
        f"{statement} uuid;".replace("public.jobs", '"public"."jobs"')
    ]
    conn.execute(found.json["statements"][0])
    assert drain().code == 0


def test_a_trigger_that_swallows_the_claim_is_an_error(drain: Drain, conn: Conn) -> None:
    """A queue whose rows cannot be claimed is not an empty one."""
    add(conn)
    conn.execute(
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        "CREATE TRIGGER keep BEFORE UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION keep()"
    )
    found = drain()
    assert found.code == 1
    assert "A trigger of public.jobs keeps its rows from being claimed" in found.json["message"]


def test_the_users_own_table_and_columns(drain: Drain, conn: Conn, inside: Inside) -> None:
    """Names, statuses, a timestamp without zone and a composite key."""
    conn.execute(
        """CREATE SCHEMA app; CREATE TABLE app."Work" (tenant int, nr int, kind text, state text,
            prio int DEFAULT 1, body json, tries int DEFAULT 0, made timestamp, go_at timestamp,
            until timestamp, token uuid, began timestamp, ended timestamp, err text,
            PRIMARY KEY (tenant, nr));
        INSERT INTO app."Work" (tenant, nr, kind, state, body, made, go_at)
        SELECT 1, i, 'a', 'new', '{"x":  1}', at, at FROM generate_series(1, 3) i,
            (SELECT (now() AT TIME ZONE 'America/New_York') - interval '1 minute' AS at) n"""
    )
    (inside.folder / "maint.toml").write_text(
        """[tables.jobs]
name = 'app."Work"'
timezone = "America/New_York"
[tables.jobs.columns]
id = "nr"
type = "kind"
status = "state"
priority = "prio"
payload = "body"
retry_count = "tries"
created_at = "made"
run_after = "go_at"
locked_until = "until"
run_token = "token"
started_at = "began"
finished_at = "ended"
error_message = "err"
[tables.jobs.statuses]
pending = "new"
running = "busy"
completed = "ok"
failed = "bad"
"""
    )
    bodies, keys = list[Any](), list[str]()

    def handle(item: Item) -> Result:
        bodies.append(item["payload"])
        keys.append(item.key)
        return Result(Verdict.DONE)

    found = drain(handle)
    assert found.code == 0, found.err
    assert (bodies, keys) == (['{"x":  1}'] * 3, [f'["1", "{nr}"]' for nr in (1, 2, 3)])
    query = "SELECT DISTINCT state, abs(extract(epoch FROM (now() AT TIME ZONE 'America/New_York')"
    query += ' - ended)) < 600 FROM app."Work"'
    assert conn.execute(query).fetchall() == [("ok", True)]  # type: ignore[arg-type]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("what", [b"maint_next", b"maint_settled"])
def test_a_cut_connection_loses_no_item(
    drain: Drain, conn: Conn, server: Server, moment: Moment, what: bytes
) -> None:
    """Cut before or after the COMMIT of a claim or a settle: each item ends done, or waits."""
    add(conn, 4)
    calls = list[str]()

    def handle(item: Item) -> Result:
        calls.append(item.key)
        return Result(Verdict.DONE)

    with proxy(server) as network:
        cut = network.cut_at(what, moment, nth=2)
        found = drain(handle, env={"DATABASE_URL": network.dsn(conn.info.dbname)})
        assert cut.done
    assert found.code == 0, found.err
    assert len(calls) == len(set(calls)) == found.json["done_count"]
    waits = what == b"maint_next" and moment == "after"
    assert statuses(conn) == ({"completed": 3, "running": 1} if waits else {"completed": 4})


def test_two_runs_share_a_queue(drain: Drain, conn: Conn, inside: Inside, tmp_path: Path) -> None:
    """As parts of a whole they run at once; each item goes to one of them."""
    del tmp_path, inside
    add(conn, 20)
    calls, lock = list[str](), threading.Lock()

    def handle(item: Item) -> Result:
        with lock:
            calls.append(item.key)
        return Result(Verdict.DONE)

    first = drain(handle, "--shard", "0/2", "--limit", "8")
    second = drain(handle, "--shard", "1/2")
    assert (first.json["done_count"], second.json["done_count"]) == (8, 12)
    assert len(set(calls)) == 20
