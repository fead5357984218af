"""What a role lacks: every GRANT in one block, and none that is not needed."""

import re
from collections.abc import Sequence

import pytest

from maintcli.cli.rights import _Asked
from maintcli.engines.base.options import ENGINES
from tests.jobs.every import (
    ANALYTICS,
    EVERY,
    ORPHANS,
    QUEUES,
    RETENTION,
    SESSIONS,
    SWEEP,
    Conn,
    Every,
    fill,
    one,
)
from tests.parts.cli import Result
from tests.parts.inside import Inside

CREW = '"night crew"'
GRANT = re.compile(r"GRANT (.+) ON (.+) TO .*;")


@pytest.fixture
def crew(inside: Inside, conn: Conn, db: str) -> Inside:
    """Runs the command as a role that may connect, and nothing else."""
    conn.execute(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'night crew') THEN"
        f" CREATE ROLE {CREW} LOGIN; END IF; END $$"  # type: ignore[arg-type]
    )
    conn.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    inside.env["DATABASE_URL"] = db.replace("postgres@", "night%20crew@", 1)
    return inside


def enable(crew: Inside, every: Sequence[Every]) -> None:
    """Write a maint.toml that enables those jobs, with the options that the tests give them."""
    jobs, sections = list[str](), list[str]()
    for number, which in enumerate(every):
        if which.toml:
            sections.append(which.toml)
            continue
        if not which.arguments:
            jobs.append(which.job)
        else:
            words = [*which.arguments]
            sections.append(
                f'[[schedules]]\nname = "entry-{number}"\njob = "{which.job}"\n'
                f'schedule = "0 1 * * *"\noptions = {words}\n'
            )
    text = f"jobs = {sorted(set(jobs))}\n" if jobs else ""
    (crew.folder / "maint.toml").write_text(text + "\n".join(sections))


def rights(statements: Sequence[str]) -> list[tuple[str, str]]:
    """Each privilege by itself, and what it is on."""
    found = [GRANT.fullmatch(statement) for statement in statements]
    return [
        (privilege, match[2])
        for match in found
        if match
        for privilege in re.findall(r"[A-Z]+(?: \([^)]*\))?", match[1])
    ]


def paste(conn: Conn, run: Result) -> list[str]:
    """Run the block that stands in the output by itself, as a superuser would."""
    statements: list[str] = run.json["statements"]
    assert "\n".join(["", *statements, ""]) in "\n" + run.err
    for statement in statements:
        conn.execute(statement)  # type: ignore[arg-type]
    return statements


@pytest.mark.parametrize("every", EVERY, ids=str)
def test_one_block_grants_what_a_job_needs_and_no_more(
    crew: Inside, conn: Conn, every: Every
) -> None:
    """77 with nothing, 0 once it is pasted; without any one of the grants it is 77 again."""
    enable(crew, [every])
    fill(conn, every, stale=3, fresh=3)
    refused = crew(*every.command, "--json")
    assert (refused.code, refused.json["outcome"]) == (77, "failed"), refused.err
    assert "night crew" in refused.json["message"]
    assert one(conn, every.stale) == 3 * every.times
    granted = rights(paste(conn, refused))
    for privilege, on in granted:
        if every is not SESSIONS and re.search("job_heart|job_slots|maint_mig|SCHEMA", on):
            continue  # the same for every job
        conn.execute(f"REVOKE {privilege} ON {on} FROM {CREW}")  # type: ignore[arg-type]
        runs = (crew(*words) for words in (("readyz",), ("history",), every.command))
        assert any(run.code == 77 for run in runs), (privilege, on)
        assert one(conn, every.stale) == 3 * every.times, (privilege, on)
        conn.execute(f"GRANT {privilege} ON {on} TO {CREW}")  # type: ignore[arg-type]
    assert crew("db", "check").code == 0
    done = crew(*every.command, "--json")
    assert done.code == 0, done.err
    assert one(conn, every.stale) == 0


FILLED = (SESSIONS, ANALYTICS, QUEUES, RETENTION, SWEEP, ORPHANS)  # of tables of their own


def test_one_block_grants_what_all_enabled_jobs_need(crew: Inside, conn: Conn) -> None:
    """Whichever job meets it first; maint db check says the same, and is content afterwards."""
    enable(crew, EVERY)
    for every in FILLED:
        fill(conn, every, stale=2, fresh=2)
    check = crew("db", "check", "--json")
    assert (check.code, check.json["ok"]) == (77, False)
    assert {"public.audit", "public.job_slots"} <= {one["table"] for one in check.json["tables"]}
    refused = [crew("db", "check", "--json"), crew("cleanup-sessions", "--json")]
    assert refused[0].json["statements"] == refused[1].json["statements"]
    paste(conn, refused[1])
    good = crew("db", "check", "--json")
    assert (good.code, good.json["statements"]) == (0, [])
    assert all(one["ok"] for one in good.json["tables"])
    for every in EVERY:
        done = crew(*every.command, "--json")
        assert done.code == 0, done.err
    for every in FILLED:
        assert one(conn, every.stale) == 0


TREE = (
    "CREATE SCHEMA app; CREATE TABLE app.roots (id int PRIMARY KEY, seen timestamptz)"
    " PARTITION BY HASH (id);"
    "CREATE TABLE app.r0 PARTITION OF app.roots FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
    "CREATE TABLE app.r1 PARTITION OF app.roots FOR VALUES WITH (MODULUS 2, REMAINDER 1);"
    "CREATE TABLE app.goes (id serial PRIMARY KEY, up int REFERENCES app.roots ON DELETE CASCADE);"
    "CREATE TABLE app.below (up int REFERENCES app.goes ON DELETE CASCADE);"
    "CREATE TABLE app.cut (id serial PRIMARY KEY, up int REFERENCES app.roots ON DELETE SET NULL);"
    "CREATE TABLE app.holds (up int REFERENCES app.roots);"
    "INSERT INTO app.roots SELECT i, now() - interval '9 d' FROM generate_series(1, 20) i;"
    "INSERT INTO app.goes (up) SELECT id FROM app.roots; INSERT INTO app.below SELECT id FROM app.goes;"
    "INSERT INTO app.cut (up) SELECT id FROM app.roots; INSERT INTO app.holds VALUES (1)"
)
ROOTS = '[sweeps.old-roots]\ntable = "app.roots"\ncolumn = "seen"\nkeep = "1d"\n'


@pytest.mark.parametrize("final", ["true", "false"])
@pytest.mark.parametrize("options", [(), ("--archive", "./kept"), ("--dry-run",)])
def test_the_block_reaches_partitions_and_foreign_keys(
    crew: Inside, conn: Conn, options: tuple[str, ...], final: str
) -> None:
    """Tables that a delete reaches, in a schema of their own; a dry run needs SELECT alone."""
    conn.execute(TREE)  # type: ignore[arg-type]
    (crew.folder / "maint.toml").write_text(f"{ROOTS}final = {final}\n")
    words = ("old-roots", "--json", "--max-percent", "100", *options)
    refused = crew(*words)
    assert refused.code == 77, refused.err
    granted = rights(paste(conn, refused))
    if options == ("--dry-run",):
        assert {privilege for privilege, _ in granted} == {"USAGE", "SELECT"}
        assert not any("job_" in on for _, on in granted)
    for privilege, on in granted:
        if "job_" not in on and "maint_" not in on:
            conn.execute(f"REVOKE {privilege} ON {on} FROM {CREW}")  # type: ignore[arg-type]
            assert crew(*words).code == 77, (privilege, on)
            assert one(conn, "SELECT count(*) FROM app.roots") == 20, (privilege, on)
            conn.execute(f"GRANT {privilege} ON {on} TO {CREW}")  # type: ignore[arg-type]
    done = crew(*words)
    if options == ("--dry-run",):
        assert (done.code, done.json["deleted_count"]) == (0, 19), done.err
        return
    assert (done.code, done.json["deleted_count"]) == (3, 19), done.err
    found = conn.execute(
        "SELECT (SELECT count(*) FROM app.roots), (SELECT count(*) FROM app.goes),"
        " (SELECT count(*) FROM app.below), (SELECT count(up) FROM app.cut)"
    ).fetchall()
    assert found == [(1, 1, 1, 1)]


def test_a_closed_schema_of_maints_own(crew: Inside, conn: Conn) -> None:
    """The configured schema, of which nothing else is granted."""
    conn.execute("CREATE SCHEMA upkeep; GRANT USAGE ON SCHEMA public TO PUBLIC")
    admin = crew.env["DATABASE_URL"].replace("night%20crew@", "postgres@")
    env = {"MAINT_DATABASE_SCHEMA": "upkeep"}
    assert crew("db", "migrate", env=env | {"DATABASE_URL": admin}).code == 0
    refused = crew("cleanup-sessions", "--json", env=env)
    assert refused.code == 77, refused.err
    assert refused.json["statements"][0] == 'GRANT USAGE ON SCHEMA "upkeep" TO "night crew";'
    paste(conn, refused)
    assert crew("cleanup-sessions", env=env).code == 0


@pytest.mark.parametrize(
    "words",
    [("status",), ("history",), ("readyz",), ("archives", "list"), ("db", "migrate"), ("init",)],
)
def test_a_closed_schema_is_not_called_absent(
    crew: Inside, conn: Conn, words: tuple[str, ...]
) -> None:
    """Where the path names no other: what is in it cannot be seen. With the grant it can."""
    result = crew(*words)
    assert (result.code, result.out) == (77, "")
    sentence, grant = result.err.splitlines()
    assert "Role night crew may not look into schema public" in sentence
    assert grant == f'GRANT USAGE ON SCHEMA "public" TO {CREW};'
    conn.execute(grant.encode())
    assert "may not look into" not in crew(*words).err


def test_a_missing_table_stays_a_missing_table(crew: Inside, conn: Conn) -> None:
    """78 with its name, for a role whose search path holds a closed schema, too."""
    conn.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC")
    conn.execute("GRANT USAGE ON SCHEMA public TO PUBLIC; CREATE SCHEMA closed")
    (crew.folder / "maint.toml").write_text('[sweeps.s]\ntable = "t"\ncolumn = "at"\nkeep = "1d"\n')
    result = crew("s", env={"PGOPTIONS": "-csearch_path=public,closed"})
    assert (result.code, "There is no table t." in result.err) == (78, True), result.err
    check = crew("db", "check", "--json")
    assert "There is no table t." in check.json["not_checked"]["s"]


@pytest.mark.parametrize("call", [call for engine in ENGINES for call in engine.calls])
def test_asking_what_a_job_needs_never_runs_its_engine(call: str) -> None:
    """`maint db check` calls the jobs; a call that it does not intercept would change rows."""
    assert {"sweep": "sweeps"}.get(call, call) in vars(_Asked)
