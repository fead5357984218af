"""Tables that are maint's by name and comment alone, and code of others on maint's own."""

from collections.abc import Generator

import psycopg
import pytest
from psycopg import sql

from maintcli.db import toolkit
from tests.parts.inside import Inside

Conn = psycopg.Connection[tuple[object, ...]]

COMMANDS = (
    ("db", "migrate"),
    ("db", "check"),
    ("status",),
    ("readyz",),
    ("history",),
    ("pause", "cleanup-sessions"),
    ("cleanup-sessions",),
    ("cleanup-run-history", "--dry-run"),
    ("cleanup-run-history", "--no-ledger"),
)


@pytest.fixture
def stranger(conn: Conn) -> Generator[str]:
    """A role that may create objects in schema public."""
    name = f"mallory_{conn.info.dbname}"
    role = sql.Identifier(name)
    conn.execute(sql.SQL("CREATE ROLE {0}; GRANT CREATE ON SCHEMA public TO {0}").format(role))
    yield name
    conn.execute(sql.SQL("DROP OWNED BY {0} CASCADE; DROP ROLE {0}").format(role))


def as_role(conn: Conn, role: str, *statements: str) -> None:
    with conn.transaction():
        conn.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
        for statement in statements:
            conn.execute(statement)  # type: ignore[arg-type]


def refused(inside: Inside, *words: str) -> None:
    """Every command ends with 78 and these words, before it has written anything."""
    for command in COMMANDS:
        found = inside(*command)
        assert found.code == 78, (command, found.err)
        assert [word for word in words if word not in found.err + found.out] == [], command


def test_a_strangers_tables_with_the_right_comment_are_refused(
    inside: Inside, conn: Conn, stranger: str
) -> None:
    """Also for a superuser, who is by PostgreSQL's word a member of every role."""
    conn.execute("CREATE TABLE kept AS TABLE maint_migrations")
    for table in toolkit.TABLES:
        give = sql.SQL("ALTER TABLE {} OWNER TO {}")
        conn.execute(give.format(sql.Identifier(table), sql.Identifier(stranger)))
    as_role(
        conn,
        stranger,
        "CREATE FUNCTION strike() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE EXCEPTION 'it ran'; END$$",
        *(
            f"CREATE TRIGGER strike BEFORE INSERT OR UPDATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION strike()"
            for table in toolkit.TABLES
        ),
    )
    refused(inside, f"belongs to role {stranger}", "OWNER TO")
    assert conn.execute("SELECT count(*) FROM job_runs").fetchone() == (0,)


def test_tables_of_a_role_that_we_are_a_member_of_are_ours(
    inside: Inside, conn: Conn, stranger: str
) -> None:
    """As where one role migrates and another one runs; membership may be indirect."""
    runner, group = (sql.Identifier(f"{stranger}_{name}") for name in ("runner", "group"))
    owner = sql.Identifier(stranger)
    try:
        conn.execute(
            sql.SQL("""CREATE ROLE {runner} LOGIN; CREATE ROLE {group};
            GRANT {owner} TO {group}; GRANT {group} TO {runner}""").format(
                runner=runner, group=group, owner=owner
            )
        )
        for table in toolkit.TABLES:
            give = sql.SQL("ALTER TABLE {} OWNER TO {}")
            conn.execute(give.format(sql.Identifier(table), owner))
        inside.env["DATABASE_URL"] = inside.env["DATABASE_URL"].replace(
            "postgres@", f"{stranger}_runner@"
        )
        assert inside("db", "check").code == 0
    finally:
        conn.execute(sql.SQL("DROP ROLE {}, {}").format(runner, group))


@pytest.mark.parametrize(
    ("table", "plant", "words", "cure"),
    [
        (
            "job_runs",
            "CREATE TRIGGER strike BEFORE INSERT ON job_runs EXECUTE FUNCTION strike()",
            "the trigger strike",
            "DROP TRIGGER strike ON public.job_runs",
        ),
        (
            "job_slots",
            "CREATE RULE strike AS ON UPDATE TO job_slots DO ALSO SELECT 1",
            "the rule strike",
            "DROP RULE strike ON public.job_slots",
        ),
        (
            "job_heartbeats",
            "ALTER TABLE job_heartbeats ALTER last_error SET DEFAULT struck()",
            "a default for its column last_error",
            "ALTER TABLE public.job_heartbeats ALTER last_error DROP DEFAULT",
        ),
        (
            "job_archives",
            "ALTER TABLE job_archives ADD CONSTRAINT strike CHECK (struck() = location) NOT VALID",
            "the constraint strike",
            "ALTER TABLE public.job_archives DROP CONSTRAINT strike",
        ),
        (
            "job_erasures",
            "CREATE INDEX strike ON job_erasures (struck())",
            "the index public.strike",
            "DROP INDEX public.strike",
        ),
        (
            "maint_migrations",
            "CREATE DOMAIN odd AS text; ALTER TABLE maint_migrations ADD note odd",
            "the column note",
            "ALTER TABLE public.maint_migrations DROP COLUMN note",
        ),
    ],
)
def test_code_of_others_on_maints_tables_is_refused(
    inside: Inside, conn: Conn, stranger: str, *, table: str, plant: str, words: str, cure: str
) -> None:
    """The statement that the error gives mends it."""
    as_role(
        conn,
        stranger,
        "CREATE FUNCTION strike() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE EXCEPTION 'it ran'; END$$",
        "CREATE FUNCTION struck() RETURNS text IMMUTABLE LANGUAGE plpgsql AS"
        " $$BEGIN RETURN 'it ran'; END$$",
    )
    conn.execute(
        sql.SQL("GRANT TRIGGER ON ALL TABLES IN SCHEMA public TO {}").format(
            sql.Identifier(stranger)
        )
    )
    if "TRIGGER" in plant:
        as_role(conn, stranger, plant)
    else:
        conn.execute(plant)  # type: ignore[arg-type]
    refused(inside, table, words, cure)
    conn.execute(cure)  # type: ignore[arg-type]
    assert inside("cleanup-sessions").code == 0


def test_a_view_with_the_comment_is_refused(inside: Inside, conn: Conn) -> None:
    """It is no table, whoever made it."""
    conn.execute("ALTER TABLE job_slots RENAME TO slots; CREATE VIEW job_slots AS TABLE slots")
    conn.execute(f"COMMENT ON VIEW job_slots IS '{toolkit.MARK}{toolkit.VERSION}'")
    refused(inside, "job_slots", "is not an ordinary table")


def test_a_trigger_of_ones_own_is_no_strangers(inside: Inside, conn: Conn) -> None:
    """For example one that notifies of a run."""
    conn.execute("""CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN NOTIFY runs; RETURN NULL; END$$;
        CREATE TRIGGER tell AFTER INSERT ON job_runs EXECUTE FUNCTION tell()""")
    assert inside("cleanup-sessions").code == 0
