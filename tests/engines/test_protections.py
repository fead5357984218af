"""A sweep works on parts of a table by itself; what protects the whole table holds all the same."""

import psycopg
import pytest

from tests.parts.family import OLD, Family, child
from tests.parts.inside import Inside

Conn = psycopg.Connection[tuple[object, ...]]
AUDIT = "CREATE TABLE audit (id int)"
COPY = """CREATE FUNCTION copied() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN INSERT INTO audit SELECT id FROM gone; RETURN NULL; END'"""
FORBID = """CREATE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN RAISE EXCEPTION ''never''; END'"""
AUDITED = """CREATE TRIGGER audited AFTER DELETE ON {} REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION copied()"""
FORBIDDEN = "CREATE TRIGGER forbidden BEFORE DELETE ON {} EXECUTE FUNCTION forbid()"
RULE = "CREATE RULE kept AS ON DELETE TO {} DO INSTEAD NOTHING"


@pytest.fixture
def family(conn: Conn, inside: Inside) -> Family:
    """Tables that refer to each other, and how one of them is swept."""
    return Family(conn, inside)


def partitioned(family: Family) -> None:
    """`roots` of three levels, with 30 old rows in partitions that are expired as a whole."""
    family.do(
        "CREATE TABLE roots (id int, seen timestamptz NOT NULL) PARTITION BY RANGE (seen)",
        "CREATE TABLE past PARTITION OF roots FOR VALUES FROM ('2000-01-01') TO ('2010-01-01')"
        " PARTITION BY RANGE (seen)",
        "CREATE TABLE p1 PARTITION OF past FOR VALUES FROM ('2000-01-01') TO ('2005-01-01')",
        "CREATE TABLE p2 PARTITION OF roots FOR VALUES FROM ('2010-01-01') TO ('2200-01-01')",
        "INSERT INTO roots SELECT i, '2001-01-01' FROM generate_series(1, 30) i",
        "INSERT INTO roots SELECT i, now() FROM generate_series(31, 40) i",
    )


def inherited(family: Family) -> None:
    """`roots` with a table that inherits from it: 30 old rows in each."""
    family.make("CREATE TABLE p1 () INHERITS (roots)")
    family.roots(old=30)
    family.do(f"INSERT INTO p1 SELECT i, {OLD} FROM generate_series(1, 30) i")


SHAPES = {"partitions": partitioned, "inheritance": inherited}
GUARDS = {
    "an audit with a transition table": (AUDITED, "the trigger audited of public.roots"),
    "a trigger that forbids": (FORBIDDEN, "the trigger forbidden of public.roots"),
    "a rule": (RULE, "the rule kept of public.roots"),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("guard", GUARDS)
@pytest.mark.parametrize("options", [(), ("--dry-run",), ("--archive", "kept")])
def test_what_a_delete_from_the_whole_table_meets_is_not_passed(
    family: Family, shape: str, guard: str, options: tuple[str, ...]
) -> None:
    """It would not fire for one of the parts: refused, no row and no partition gone."""
    SHAPES[shape](family)
    statement, said = GUARDS[guard]
    family.do(AUDIT, COPY, FORBID, statement.format("roots"))
    before = family.count("roots")
    result = family.sweep(*options)
    assert result.code == 65, result.err
    assert said in result.json["message"]
    assert family.count("roots") == before
    family.do(
        "ALTER TABLE roots DISABLE TRIGGER USER",
        *(["DROP RULE kept ON roots"] if statement == RULE else []),
    )
    result = family.sweep(*options)
    assert result.code == 0, result.err
    assert result.json["deleted_count"] == before - family.count("roots", f"seen > {OLD}")


def test_a_trigger_between_the_table_and_its_partitions_is_not_passed(family: Family) -> None:
    """Plain SQL on that level fires it."""
    partitioned(family)
    family.do(FORBID, FORBIDDEN.format("past"))
    result = family.sweep()
    assert result.code == 65, result.err
    assert family.count("roots") == 40


def test_statement_triggers_of_a_plain_table_fire(family: Family) -> None:
    """There the part is the table: each deleted row reaches the audit, and a dry run names it."""
    family.make(AUDIT, COPY, AUDITED.format("roots"))
    family.roots(old=500, young=5)
    dry = family.sweep("--dry-run")
    assert "triggers of public.roots would fire: audited" in dry.err
    assert family.sweep().code == 0
    assert family.count("audit") == 500
    assert family.count("roots") == 5


def test_a_partitioned_child_with_a_statement_trigger_is_not_passed(family: Family) -> None:
    """Its rows go with their parents, from each partition by itself."""
    family.make(
        AUDIT,
        COPY,
        "CREATE TABLE a (id int, up int REFERENCES roots ON DELETE CASCADE) PARTITION BY HASH (id)",
        "CREATE TABLE a0 PARTITION OF a FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
        AUDITED.format("a"),
    )
    family.roots(old=10)
    family.do("INSERT INTO a SELECT i, i FROM generate_series(1, 10) i")
    result = family.sweep()
    assert result.code == 65, result.err
    assert "the trigger audited of public.a" in result.json["message"]
    assert (family.count("roots"), family.count("a")) == (10, 10)


def test_statement_triggers_of_a_reached_table_are_shown_and_fire(family: Family) -> None:
    """As those for each row are."""
    family.make(AUDIT, COPY, child("a"), AUDITED.format("a"))
    family.roots(old=10)
    family.do("INSERT INTO a SELECT i, i FROM generate_series(1, 10) i")
    dry = family.sweep("--dry-run")
    assert "triggers of public.a would fire: audited" in dry.err
    assert family.sweep().code == 0
    assert family.count("audit") == 10


@pytest.mark.parametrize("final", [True, False])
@pytest.mark.parametrize("options", [(), ("--dry-run",), ("--archive", "kept")])
@pytest.mark.parametrize("off", ["the parent's triggers", "the child's triggers", "the role"])
def test_foreign_keys_that_do_not_act_are_refused(
    family: Family, off: str, options: tuple[str, ...], *, final: bool
) -> None:
    """Children would stay without a parent, counted as gone; the statement given mends it."""
    family = Family(family.conn, family.inside, final=final)
    family.make(child("a"), child("n", action="SET NULL"))
    family.roots(old=10)
    family.do("INSERT INTO a SELECT i, i FROM generate_series(1, 10) i")
    row = family.conn.execute("SELECT current_database()").fetchone()
    assert row is not None
    family.do(
        {
            "the parent's triggers": "ALTER TABLE roots DISABLE TRIGGER ALL",
            "the child's triggers": "ALTER TABLE a DISABLE TRIGGER ALL",
            "the role": f"ALTER DATABASE {row[0]} SET session_replication_role = 'replica'",
        }[off]
    )
    result = family.sweep(*options)
    assert result.code == 78, result.err
    message: str = result.json["message"]
    assert "The foreign key a_up_fkey of public.a does not act" in message
    assert (family.count("roots"), family.count("a")) == (10, 10)
    family.do(message.partition("un: ")[2])
    result = family.sweep(*options)
    if off == "the parent's triggers":  # of which each key has its own
        family.do(result.json["message"].partition("un: ")[2])
        result = family.sweep(*options)
    assert result.code == 0, result.err
    if options != ("--dry-run",):
        assert (family.count("roots"), family.count("a")) == (0, 0)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ((), 78, "session_replication_role became replica during the run"),
        (("--archive", "kept"), 1, "do not go as they were looked at"),
    ],
)
@pytest.mark.parametrize("local", ["true", "false"])
def test_a_trigger_that_stops_foreign_keys_ends_the_run(
    family: Family, local: str, options: tuple[str, ...], code: int, message: str
) -> None:
    """The batch is rolled back: no child is left without its parent, and none is counted."""
    family.make(child("a"))
    family.roots(old=10)
    family.do(
        "INSERT INTO a SELECT i, i FROM generate_series(1, 10) i",
        "CREATE FUNCTION quiet() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM"
        f" set_config('session_replication_role', 'replica', {local}); RETURN OLD; END $$",
        "CREATE TRIGGER quiet BEFORE DELETE ON roots FOR EACH ROW EXECUTE FUNCTION quiet()",
    )
    result = family.sweep(*options)
    assert result.code == code, result.err
    assert message in result.json["message"]
    assert (family.count("roots"), family.count("a"), family.ledger()) == (10, 10, 0)


def test_a_key_that_is_not_enforced_counts_nothing(family: Family) -> None:
    """PostgreSQL 18 knows such keys. The rows that refer stay, as in plain SQL, and that is said."""
    if family.conn.info.server_version < 180000:
        pytest.skip("needs PostgreSQL 18")
    family.make(
        "CREATE TABLE a (up int CONSTRAINT loose REFERENCES roots ON DELETE CASCADE NOT ENFORCED)"
    )
    family.roots(old=10)
    family.do("INSERT INTO a SELECT i FROM generate_series(1, 10) i")
    result = family.sweep()
    assert result.code == 0, result.err
    assert "loose of public.a is NOT ENFORCED" in result.err
    assert (result.json["deleted_count"], result.json["cascaded_count"]) == (10, 0)
    assert (family.count("roots"), family.count("a")) == (0, 10)


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
@pytest.mark.parametrize("published", ["TABLE roots", "ALL TABLES", "TABLES IN SCHEMA public"])
def test_a_published_table_without_replica_identity_is_refused(
    family: Family, published: str, options: tuple[str, ...]
) -> None:
    """PostgreSQL would refuse each DELETE; the statement given mends it."""
    if "SCHEMA" in published and family.conn.info.server_version < 150000:
        pytest.skip("needs PostgreSQL 15")
    family.do("CREATE TABLE roots (id int, seen timestamptz)")
    family.roots(old=10)
    family.do(f"CREATE PUBLICATION sent FOR {published}")
    result = family.sweep("--no-ledger", *options)
    assert result.code == 78, result.err
    assert "public.roots has no replica identity" in result.json["message"]
    family.do(result.json["message"].partition("run: ")[2])
    result = family.sweep("--no-ledger", *options)
    assert result.code == 0, result.err
    assert result.json["deleted_count"] == 10


@pytest.mark.parametrize("what", ["a child that goes", "a child that loses its reference"])
def test_a_published_child_without_replica_identity_is_refused(family: Family, what: str) -> None:
    """Its rows go, or are changed, as well."""
    action = "CASCADE" if "goes" in what else "SET NULL"
    family.make(
        f"CREATE TABLE a (up int REFERENCES roots ON DELETE {action})",
        "CREATE PUBLICATION sent FOR TABLE a",
        "ALTER TABLE a REPLICA IDENTITY NOTHING",
    )
    family.roots(old=10)
    result = family.sweep("--dry-run")
    assert result.code == 78, result.err
    assert "public.a has no replica identity" in result.json["message"]
    family.do("ALTER PUBLICATION sent SET (publish = 'insert')")
    assert family.sweep("--dry-run").code == 0


def test_a_role_that_may_not_delete_from_the_whole_table_may_not_from_its_parts(
    family: Family, db: str
) -> None:
    """What plain SQL refuses is refused, though the partitions would allow it."""
    partitioned(family)
    family.do(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sweeper') THEN"
        " CREATE ROLE sweeper LOGIN; END IF; END $$",
        "GRANT SELECT, DELETE ON p1, p2 TO sweeper",
        "GRANT SELECT ON roots TO sweeper",
    )
    family.inside.env["DATABASE_URL"] = db.replace("postgres@", "sweeper@", 1)
    result = family.sweep("--no-ledger")
    assert result.code == 77, result.err
    assert 'GRANT DELETE ON "public"."roots" TO "sweeper";' in result.json["statements"]
    assert family.count("roots") == 40


def test_marking_passes_no_statement_trigger(conn: Conn, inside: Inside) -> None:
    """What is changed by parts is protected like what is deleted."""
    (inside.folder / "maint.toml").write_text('[tables.jobs]\nname = "work"\n')
    for statement in (
        (
            "CREATE TABLE work (id int, status text, retry_count int, error_message text,"
            " started_at timestamptz) PARTITION BY HASH (id)"
        ),
        "CREATE TABLE w0 PARTITION OF work FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
        f"INSERT INTO work VALUES (1, 'running', 0, NULL, {OLD})",
        FORBID,
        "CREATE TRIGGER forbidden BEFORE UPDATE ON work EXECUTE FUNCTION forbid()",
    ):
        conn.execute(statement)
    result = inside("reconcile-stragglers", "--json")
    assert result.code == 65, result.err
    assert "the trigger forbidden of public.work" in result.json["message"]
    assert conn.execute("SELECT status FROM work").fetchall() == [("running",)]
    conn.execute("ALTER TABLE work DISABLE TRIGGER USER")
    assert inside("reconcile-stragglers", "--json").json["updated_count"] == 1
    assert conn.execute("SELECT status FROM work").fetchall() == [("pending",)]


@pytest.mark.parametrize(
    ("job", "options"),
    [
        ("cleanup-opt-outs", ("--tables", "things.user_id")),
        ("cleanup-orphans", ("--pairs", "things.user_id -> users.id")),
    ],
)
def test_other_jobs_pass_no_statement_trigger(
    conn: Conn, inside: Inside, job: str, options: tuple[str, ...]
) -> None:
    """They delete by parts, too."""
    for statement in (
        (
            "CREATE TABLE things (id int, user_id bigint, created_at timestamptz DEFAULT '2001-01-01')"
            " PARTITION BY HASH (id)"
        ),
        "CREATE TABLE t0 PARTITION OF things FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
        "INSERT INTO users (email, opted_out_at) VALUES ('a', '2001-01-01')",
        "INSERT INTO things SELECT 1, id FROM users",
        "INSERT INTO things VALUES (2, -1)",
        FORBID,
        FORBIDDEN.format("things"),
    ):
        conn.execute(statement)  # type: ignore[arg-type]
    result = inside(job, "--json", *options, "--max-percent", "100")
    assert result.code == 65, result.err
    assert "the trigger forbidden of public.things" in result.json["message"]
    assert conn.execute("SELECT count(*) FROM things").fetchall() == [(2,)]
    conn.execute("ALTER TABLE things DISABLE TRIGGER USER")
    assert inside(job, "--json", *options, "--max-percent", "100").code == 0
    assert conn.execute("SELECT count(*) FROM things").fetchall() == [(1,)]
