"""Plans that are applied, and retention settings that became shorter."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.parts.cli import Result
from tests.parts.inside import Inside

Conn = psycopg.Connection[tuple[Any, ...]]
KEY = "public.analytics_events.occurred_at"


def events(conn: Conn, rows: int, days: int) -> None:
    """Put in `rows` events of that many days ago."""
    conn.execute(
        "INSERT INTO analytics_events (event_type, occurred_at)"
        " SELECT 'seen', now() - make_interval(days => %s) FROM generate_series(1, %s)",
        [days, rows],
    )


def left(conn: Conn) -> int:
    """The events that are left."""
    row = conn.execute("SELECT count(*) FROM analytics_events").fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def plan(inside: Inside) -> Path:
    """Where the plan goes."""
    return inside.folder / "plan.json"


# -- plan and apply


def test_a_plan_is_the_approval_that_a_guard_asks_for(
    inside: Inside, conn: Conn, sweep_events: str, plan: Path
) -> None:
    """Over half of the table is refused, planned, and then applied; the plan holds no secret."""
    events(conn, 1_500, 100)
    assert inside(sweep_events).code == 65
    assert inside(sweep_events, "-n").code == 65
    dry = inside(sweep_events, "--dry-run", "--plan", "plan.json", "--json")
    assert dry.code == 0, dry.err
    assert any("--max-percent 50 allows" in said for said in dry.json["warnings"])
    written = json.loads(plan.read_text())
    assert written["rows"] == {"public.analytics_events": 1_500}
    assert (written["job"], written["rules"][0]["older_than"]) == (sweep_events, "90d")
    assert left(conn) == 1_500
    applied = inside(sweep_events, "--apply", "plan.json", "--json")
    assert (applied.code, applied.json["deleted_count"]) == (0, 1_500), applied.err


@pytest.mark.parametrize(
    ("planned", "now", "drift", "code"),
    [
        (2_000, 2_200, None, 0),
        (2_000, 2_201, None, 65),
        (2_000, 1_799, None, 65),
        (2_000, 1_800, None, 0),
        (2_000, 2_201, "11", 0),
        (3, 13, None, 0),
        (3, 14, None, 65),
        (3, 4, "0", 65),
        (3, 3, "0", 0),
    ],
)
def test_rows_may_drift_by_a_margin(
    inside: Inside, conn: Conn, sweep_events: str, *, planned: int, now: int, drift: str, code: int
) -> None:
    """10 percent either way, or what --drift says; ten rows always, except with 0."""
    events(conn, planned, 100)
    assert inside(sweep_events, "-n", "--plan", "plan.json").code == 0
    if now > planned:
        events(conn, now - planned, 100)
    else:
        few = "SELECT id FROM analytics_events LIMIT %s"
        conn.execute(f"DELETE FROM analytics_events WHERE id NOT IN ({few})", [now])
    flags = ("--drift", drift) if drift else ()
    result = inside(sweep_events, "--apply", "plan.json", *flags)
    assert result.code == code, result.err
    assert left(conn) == (now if code else 0)
    if code:
        assert f"it counted {planned:,} rows of public.analytics_events" in result.err


def test_a_changed_setting_is_named(inside: Inside, conn: Conn, sweep_events: str) -> None:
    """The age of the plan and the age of now; nothing is deleted."""
    events(conn, 5, 100)
    inside(sweep_events, "-n", "--plan", "plan.json")
    result = inside(sweep_events, "--apply", "plan.json", "--older-than", "80d")
    assert result.code == 65
    assert f"{KEY} was counted by 90d, and 80d is set now" in result.err
    assert left(conn) == 5


def test_another_job_s_plan_is_refused(inside: Inside, sweep_events: str) -> None:
    """A plan is for one job."""
    assert inside("cleanup-sessions", "-n", "--plan", "plan.json").code == 0
    result = inside(sweep_events, "--apply", "plan.json")
    assert result.code == 65
    assert f"it was made for cleanup-sessions, and this is {sweep_events}" in result.err


def test_another_database_s_plan_is_refused(inside: Inside, sweep_events: str, plan: Path) -> None:
    """By its name, and by the identifier of its cluster; a host's other name is no difference."""
    assert inside(sweep_events, "-n", "--plan", "plan.json").code == 0
    content = json.loads(plan.read_text())
    assert content["database"]["system"].isdigit()

    def refused(**changes: str) -> int:
        plan.write_text(json.dumps({**content, "database": {**content["database"], **changes}}))
        return inside(sweep_events, "--apply", "plan.json").code

    assert refused(name="other") == 65
    assert refused(system="1") == 65
    assert refused(host="another-name") == 0


@pytest.mark.parametrize(
    ("age", "said"),
    [
        ("8 days", "it is 8 days old, and at most 7 are allowed"),
        ("-2 days", "which is in the future by the database's clock"),
    ],
)
def test_an_old_plan_is_refused(
    inside: Inside, conn: Conn, sweep_events: str, plan: Path, age: str, said: str
) -> None:
    """After seven days somebody has to look again; so has one of a clock that was ahead."""
    assert inside(sweep_events, "-n", "--plan", "plan.json").code == 0
    content = json.loads(plan.read_text())
    row = conn.execute("SELECT now() - %s::interval", [age]).fetchone()
    assert row is not None
    plan.write_text(json.dumps({**content, "made_at": row[0].isoformat()}))
    result = inside(sweep_events, "--apply", "plan.json")
    assert result.code == 65
    assert said in result.err


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (("--plan", "p"), 2, "--plan goes only with --dry-run"),
        (("--apply", "p", "-n"), 2, "--apply does not go with --dry-run"),
        (("--drift", "5"), 2, "only with --apply; leave it out or give --apply too."),
        (("--apply", "nowhere.json"), 2, "nowhere.json cannot be read"),
        (("-n", "--plan", "no/where/p"), 2, "--plan no/where/p cannot be written"),
        (("--apply", "garbled"), 2, "garbled is not a plan"),
    ],
)
def test_wrong_usage_is_one_sentence(
    inside: Inside, sweep_events: str, flags: tuple[str, ...], code: int, said: str
) -> None:
    """What is wrong, and no traceback."""
    (inside.folder / "garbled").write_text("{}")
    result = inside(sweep_events, *flags)
    assert result.code == code, result.err
    assert said in result.err


# -- a shorter retention


def runs(conn: Conn) -> list[Any]:
    """The outcomes and ages that the ledger has, oldest first."""
    return conn.execute("SELECT outcome, retention FROM job_runs ORDER BY started_at").fetchall()


def test_a_shorter_age_is_refused_until_acknowledged(
    inside: Inside, conn: Conn, sweep_events: str
) -> None:
    """Old and new value, where the new one is from, and the rows; then a number lets it through."""
    events(conn, 4, 100)
    events(conn, 7, 60)
    events(conn, 9, 1)
    assert inside(sweep_events).code == 0
    events(conn, 4, 100)
    (inside.folder / "maint.toml").write_text(
        'plugins = ["x"]\n[jobs.sweep-events]\nolder-than = "30d"\n'
    )
    for flags in ((), ("--dry-run",), ("--yes-really", "10")):
        refused = inside(sweep_events, *flags)
        assert refused.code == 65, refused.err
        assert f"{KEY}: the age 30d (maint.toml [jobs.sweep-events] older-than)" in refused.err
        assert "shorter than the 90d of the run of" in refused.err
        assert "7 rows are stale only by the shorter one" in refused.err
        assert "public.analytics_events has 11 old rows" in refused.err
        assert "If this is intended, run: maint sweep-events --yes-really 11" in refused.err
    assert left(conn) == 20
    assert inside(sweep_events, "--yes-really", "11", "--json").json["deleted_count"] == 11
    events(conn, 2, 60)
    assert inside(sweep_events, "--json").json["deleted_count"] == 2
    assert runs(conn) == [
        ("success", {KEY: "90d"}),
        ("refused", {}),
        ("refused", {}),
        ("success", {KEY: "30d"}),
        ("success", {KEY: "30d"}),
    ]


def test_a_plan_lets_a_shorter_age_through(inside: Inside, conn: Conn, sweep_events: str) -> None:
    """By a flag, for one run, it counts the same; the plan was looked at."""
    inside(sweep_events)
    events(conn, 7, 60)
    shorter = ("--older-than", "30d")
    refused = inside(sweep_events, *shorter)
    assert refused.code == 65
    assert "the age 30d (--older-than) is shorter" in refused.err
    assert inside(sweep_events, *shorter, "-n", "--plan", "p").code == 0
    assert inside(sweep_events, *shorter, "--apply", "p", "--json").json["deleted_count"] == 7


def test_a_variable_is_named_too(inside: Inside, conn: Conn, sweep_events: str) -> None:
    """As the place where the shorter age comes from."""
    inside(sweep_events)
    events(conn, 7, 60)
    refused = inside(sweep_events, env={"MAINT_SWEEP_EVENTS_OLDER_THAN": "1mo"})
    assert refused.code == 65
    assert "the age 1mo (environment MAINT_SWEEP_EVENTS_OLDER_THAN)" in refused.err


def test_only_rows_matter(inside: Inside, conn: Conn, sweep_events: str) -> None:
    """Where nothing is stale between the old cutoff and the new one, nothing is refused."""
    inside(sweep_events)
    events(conn, 3, 100)
    assert inside(sweep_events, "--older-than", "30d", "--json").json["deleted_count"] == 3


def test_a_longer_age_and_months_of_the_same_length_pass(
    inside: Inside, conn: Conn, sweep_events: str
) -> None:
    """Three calendar months are longer than ninety days, and no shorter setting."""
    inside(sweep_events)
    events(conn, 3, 100)
    assert inside(sweep_events, "--older-than", "3mo").code == 0
    assert inside(sweep_events, "--older-than", "1y").code == 0


def test_refused_and_failed_runs_do_not_set_the_measure(
    inside: Inside, conn: Conn, sweep_events: str
) -> None:
    """A run that was refused by another guard has agreed to nothing."""
    inside(sweep_events)
    events(conn, 7, 60)
    shorter = ("--older-than", "30d")
    assert inside(sweep_events, *shorter, "--yes-really", "7", "--max-rows", "8").code == 0
    conn.execute("UPDATE job_runs SET outcome = 'failed' WHERE retention ->> %s = '30d'", [KEY])
    events(conn, 7, 60)
    assert inside(sweep_events, *shorter).code == 65


def test_without_a_ledger_it_is_said_that_nobody_looked(
    inside: Inside, conn: Conn, sweep_events: str
) -> None:
    """A warning, and the run goes on."""
    events(conn, 7, 60)
    inside(sweep_events)
    result = inside(sweep_events, "--older-than", "30d", "--no-ledger", "--json")
    assert (result.code, result.json["deleted_count"]) == (0, 7)
    assert any(
        "whether the retention became shorter" in warning for warning in result.json["warnings"]
    )


def test_a_job_without_a_guard_is_not_asked(inside: Inside, conn: Conn) -> None:
    """Sessions: on a quiet night every one is stale, by whatever age."""
    conn.execute("INSERT INTO active_sessions VALUES ('s', 'k', now() - interval '2 s')")
    inside("cleanup-sessions")
    result = inside("cleanup-sessions", "--stale-after", "1s", "--json")
    assert (result.code, result.json["deleted_count"]) == (0, 1)
    assert runs(conn)[0] == ("success", {"public.active_sessions.last_heartbeat": "60s"})


def test_a_dry_run_without_a_ledger_looks_as_far_as_it_can(
    inside: Inside, conn: Conn, sweep_events: str
) -> None:
    """No tables of the toolkit, no refusal, no failure."""
    events(conn, 7, 60)
    conn.execute("DROP TABLE job_runs, maint_migrations CASCADE")
    result = inside(sweep_events, "-n", "--older-than", "30d")
    assert result.code == 0, result.err
    assert "whether the retention became shorter" in result.err


# -- other ways of working


def test_marking_is_planned_and_applied_too(inside: Inside, conn: Conn) -> None:
    """`cleanup-abandoned-jobs --action mark` heeds a plan as a sweep does."""
    conn.execute("INSERT INTO users (email) VALUES ('a@b')")
    add = (
        "INSERT INTO processing_jobs (user_id, status, created_at)"
        " SELECT id, 'pending', now() - interval '30 d' FROM users, generate_series(1, %s)"
    )
    conn.execute(add, [1_200])
    marking = ("cleanup-abandoned-jobs", "--action", "mark")
    assert inside(*marking).code == 65
    assert inside(*marking, "-n", "--plan", "plan.json").code == 0
    conn.execute(add, [200])
    assert inside(*marking, "--apply", "plan.json").code == 65
    assert inside(*marking, "-n", "--plan", "plan.json").code == 0
    assert inside(*marking, "--apply", "plan.json", "--json").json["updated_count"] == 1_400


def test_a_shorter_grace_of_an_erasure_is_asked_about(inside: Inside, conn: Conn) -> None:
    """Opting out is no reason to be erased earlier than one was told."""
    conn.execute("INSERT INTO users (email, opted_out_at) VALUES ('a@b', now() - interval '9 d')")
    erase = ("cleanup-opt-outs", "--max-percent", "100")
    assert inside(*erase, "--grace", "30d").code == 0
    refused = inside(*erase, "--grace", "2d")
    assert refused.code == 65
    assert "users who opted out: public.users.opted_out_at: the age 2d (--grace)" in refused.err
    assert "run with --dry-run --plan FILE, and then with --apply FILE" in refused.err
    assert inside(*erase, "--grace", "2d", "--dry-run", "--plan", "plan.json").code == 0
    assert inside(*erase, "--grace", "2d", "--apply", "plan.json").code == 0


RULES = """
[[retention]]
table = "analytics_events"
column = "occurred_at"
keep = "{all}"

[[retention]]
table = "analytics_events"
column = "occurred_at"
keep = "{seen}"
where = "event_type = 'seen'"
allow-sql = true
"""


def test_two_rules_of_one_column_are_told_apart(inside: Inside, conn: Conn) -> None:
    """Each has its own age, and the rule that became shorter is named by its place."""
    toml = inside.folder / "maint.toml"
    toml.write_text(RULES.format(all="90d", seen="30d"))
    for _ in range(2):
        assert inside("retention-cleanup").code == 0
    events(conn, 5, 20)
    assert inside("retention-cleanup").code == 0
    toml.write_text(RULES.format(all="90d", seen="10d"))
    refused = inside("retention-cleanup")
    assert refused.code == 65
    assert (
        "the age 10d (maint.toml [[retention]] rule 2 keep) is shorter than the 30d" in refused.err
    )
    assert left(conn) == 5


def test_rows_that_go_along_foreign_keys_are_planned(
    inside: Inside, conn: Conn, sweep_events: str, plan: Path
) -> None:
    """They stand in the plan by table, and may drift no further than the others."""
    conn.execute(
        "CREATE TABLE details (event bigint REFERENCES analytics_events ON DELETE CASCADE)"
    )
    conn.execute("CREATE INDEX ON details (event)")
    events(conn, 3, 100)
    add = "INSERT INTO details SELECT id FROM analytics_events, generate_series(1, %s)"
    conn.execute(add, [20])
    assert inside(sweep_events, "-n", "--plan", "plan.json").code == 0
    assert json.loads(plan.read_text())["cascaded"] == {"public.details": 60}
    conn.execute(add, [4])
    refused = inside(sweep_events, "--apply", "plan.json")
    assert refused.code == 65
    assert "it counted 60 rows of public.details, and now 72 would go" in refused.err
    assert inside(sweep_events, "--apply", "plan.json", "--drift", "20").code == 0
    assert left(conn) == 0


SWEEP = """
[sweeps.sweep-kinds]
table = "analytics_events"
column = "occurred_at"
keep = "{keep}"
allow-sql = true
{where}
"""
GIVEN = "where = \"event_type = '{}'\""
KIND = "INSERT INTO analytics_events (event_type, occurred_at) SELECT %s, now() - interval '60 days' FROM generate_series(1, %s)"


@pytest.fixture
def kinds(inside: Inside, conn: Conn) -> Callable[..., Result]:
    """Runs a rule of maint.toml that ran before with the condition `event_type = 'a'`."""

    def run(where: str, *flags: str, keep: str = "30d") -> Result:
        (inside.folder / "maint.toml").write_text(SWEEP.format(keep=keep, where=where))
        return inside("sweep-kinds", "--max-percent", "99", *flags)

    for kind, rows in (("a", 3), ("b", 5)):
        conn.execute(KIND, [kind, rows])
    assert run(GIVEN.format("a")).code == 0
    assert left(conn) == 5
    return run


@pytest.mark.parametrize(
    ("where", "why"),
    [
        (
            GIVEN.format("b"),
            "the condition ([sweeps.sweep-kinds] where) is another than in the run of",
        ),
        ("", "had a condition ([sweeps.sweep-kinds] where), which is gone"),
    ],
    ids=["changed", "gone"],
)
def test_another_condition_is_refused_until_acknowledged(
    kinds: Callable[..., Result], conn: Conn, where: str, why: str
) -> None:
    """As a shorter age is: where it stands, how many rows; then a number lets it through, for good."""
    for flags in ((), ("--dry-run",), ("--yes-really", "4")):
        refused = kinds(where, *flags)
        assert (refused.code, why in refused.err) == (65, True), refused.err
        assert "public.analytics_events has 5 old rows" in refused.err
        assert "run: maint sweep-kinds --max-percent 99 --yes-really 5" in refused.err
    assert left(conn) == 5
    assert kinds(where, "--yes-really", "5").code == 0
    conn.execute(KIND, ["b", 2])
    assert kinds(where).code == 0
    assert left(conn) == 0


def test_a_plan_lets_another_condition_through(kinds: Callable[..., Result], conn: Conn) -> None:
    """It was looked at; the way back to the first condition is asked about again."""
    other = GIVEN.format("b")
    assert kinds(other, "-n", "--plan", "p").code == 0
    assert kinds(other, "--apply", "p").code == 0
    assert left(conn) == 0
    conn.execute(KIND, ["a", 2])
    assert kinds(GIVEN.format("a")).code == 65


def test_a_condition_with_no_rows_and_a_narrower_rule_pass(
    kinds: Callable[..., Result], conn: Conn
) -> None:
    """What removes nothing harms nobody, and a condition where there was none keeps more."""
    assert kinds(GIVEN.format("c")).code == 0
    assert kinds("", "--yes-really", "5").code == 0
    conn.execute(KIND, ["a", 3])
    assert kinds(GIVEN.format("a")).code == 0
    assert left(conn) == 0


def test_a_condition_and_a_shorter_age_at_once(kinds: Callable[..., Result], conn: Conn) -> None:
    """Only rows that no earlier rule would have taken are in question."""
    assert kinds("", "--yes-really", "5").code == 0
    conn.execute(KIND, ["a", 3])
    refused = kinds(GIVEN.format("a"), keep="10d")
    assert refused.code == 0, refused.err
    conn.execute("UPDATE analytics_events SET occurred_at = now() - interval '15 days'")
    conn.execute(KIND.replace("60 days", "8 days"), ["a", 4])
    refused = kinds(GIVEN.format("a"), keep="7d")
    assert (refused.code, "the age 7d" in refused.err) == (65, True), refused.err


def test_a_changed_condition_among_several_rules_is_seen(inside: Inside, conn: Conn) -> None:
    """Though two rules share the column, and one of them is as it was."""
    toml, rules = inside.folder / "maint.toml", RULES.replace("'seen'", "'{kind}'")
    toml.write_text(rules.format(all="90d", seen="30d", kind="seen"))
    assert inside("retention-cleanup").code == 0
    conn.execute(KIND, ["other", 4])
    toml.write_text(rules.format(all="90d", seen="30d", kind="other"))
    refused = inside("retention-cleanup", "--max-percent", "100")
    assert refused.code == 65
    assert "the condition ([[retention]] rule 2 where) is another than in the run of" in refused.err
    assert "4 rows are stale by it" in refused.err
    assert inside("retention-cleanup", "--yes-really", "4").code == 0
    assert left(conn) == 0
