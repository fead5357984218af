"""retention-cleanup: what the [[retention]] rules no longer keep."""

import psycopg
import pytest
from psycopg import sql

from tests.parts.enabled import enable
from tests.parts.inside import Inside

Conn = psycopg.Connection[tuple[object, ...]]

EVENTS = """\
[[retention]]
name = "audit"
table = "audit.events"
column = "created_at"
keep = "1y"
"""
NOISE = """\
[[retention]]
table = "audit.events"
column = "created_at"
keep = "7d"
where = "kind = 'noise'"
allow-sql = true
"""
TOKENS = """\
[[retention]]
table = "tokens"
column = "ends"
epoch = "s"
keep = "30d"
"""
FILLER = (
    "INSERT INTO audit.events SELECT 'x', 'deed', now() - CASE WHEN i <= %s"
    " THEN interval '2 y' ELSE interval '1 s' END FROM generate_series(1, %s) i"
)


@pytest.fixture
def kept(inside: Inside, conn: Conn) -> Inside:
    """Events: a is 2 years old, b a month, c a month and noise, d is new; tokens: t old, u new."""
    conn.execute("CREATE SCHEMA audit")
    conn.execute("CREATE TABLE audit.events (id text, kind text, created_at timestamptz)")
    conn.execute(
        "INSERT INTO audit.events VALUES ('a', 'deed', now() - interval '2 y'),"
        " ('b', 'deed', now() - interval '1 mon'), ('c', 'noise', now() - interval '1 mon'),"
        " ('d', 'noise', now())"
    )
    conn.execute("CREATE TABLE tokens (id text, ends bigint)")
    conn.execute(
        "INSERT INTO tokens SELECT id, extract(epoch FROM now() - age) FROM"
        " (VALUES ('t', interval '31 d'), ('u', interval '29 d')) AS v (id, age)"
    )
    say(inside, EVENTS + NOISE + TOKENS)
    return inside


def say(inside: Inside, text: str) -> None:
    """Make `text` the configuration."""
    (inside.folder / "maint.toml").write_text(text)


def left(conn: Conn) -> str:
    """The ids that are left."""
    query = (
        "SELECT id FROM audit.events WHERE id <> 'x' UNION ALL SELECT id FROM tokens ORDER BY id"
    )
    return "".join(str(row[0]) for row in conn.execute(query))


def test_every_rule_is_swept_in_one_run(kept: Inside, conn: Conn) -> None:
    """Each by its own age, condition and unit; the rows of two rules on one table add up."""
    result = kept("retention-cleanup", "--json")
    assert result.code == 0, result.err
    assert left(conn) == "bdu"
    assert (result.json["deleted_count"], result.json["remaining_count"]) == (3, 3)
    assert result.json["tables"] == {"audit.events": 2, "public.tokens": 1}
    ledger = conn.execute("SELECT job, outcome, deleted_count FROM job_runs").fetchall()
    assert ledger == [("retention-cleanup", "success", 3)]


def test_a_dry_run_counts_every_rule(kept: Inside, conn: Conn) -> None:
    """The same numbers, and nothing is changed."""
    result = kept("retention-cleanup", "--dry-run", "--json")
    assert (result.code, result.json["deleted_count"]) == (0, 3), result.err
    assert result.json["remaining_count"] == 3
    assert result.json["tables"] == {"audit.events": 2, "public.tokens": 1}
    assert left(conn) == "abcdtu"


def test_verbose_says_which_rule_is_which(kept: Inside) -> None:
    """By number, and by name where it has one."""
    said = kept("retention-cleanup", "--dry-run", "-v").err
    assert "[[retention]] rule 1 (audit): audit.events is kept for 1y" in said
    assert "[[retention]] rule 3: tokens is kept for 30d" in said


def test_no_rule_is_a_configuration_to_be_made(inside: Inside) -> None:
    """Exit 78, with what to write; a dry run says so too."""
    for arguments in ([], ["--dry-run"]):
        result = inside("retention-cleanup", *arguments)
        assert result.code == 78
        assert "There is no rule for retention-cleanup. Write one in maint.toml" in result.err
        assert '[[retention]] table = "public.audit_events", column = "created_at"' in result.err


def test_without_rules_nobody_expects_it(inside: Inside, conn: Conn) -> None:
    """run --all leaves it out, list says why; with a rule it is due at its time."""

    def state() -> tuple[object, ...]:
        jobs = {job["name"]: job for job in inside("list", "--all", "--json").json["jobs"]}
        job = jobs["retention-cleanup"]
        return job["schedule"], job["enabled"], job["configured"], job["next_run_at"] is not None

    def runs() -> set[str]:
        return {run["job"] for run in inside("run", "--all", "--json").json["runs"]}

    assert "retention-cleanup" not in inside("list").out
    (inside.folder / "maint.toml").write_text(enable("cleanup-run-history"))
    assert "retention-cleanup" not in runs()
    conn.execute("CREATE TABLE tokens (id text, ends bigint)")
    say(inside, TOKENS)
    assert state() == ("0 2 * * *", True, True, True)
    assert "retention-cleanup" in runs()
    say(inside, TOKENS + "[jobs.retention-cleanup]\nenabled = false\n")
    assert state() == ("0 2 * * *", False, True, False)


@pytest.mark.parametrize(
    ("age", "clause"),
    [
        ("0", "0s is too small; it must be at least 1s"),
        ("-1d", "-24h lies in the future; it must be at least 1s"),
        ("500ms", "500ms is too small; it must be at least 1s"),
    ],
)
def test_a_rule_that_keeps_nothing_is_refused(
    kept: Inside, conn: Conn, age: str, clause: str
) -> None:
    """The whole run: no row of another rule goes either."""
    say(kept, EVENTS + NOISE.replace("7d", age))
    result = kept("retention-cleanup")
    assert result.code == 65
    expected = f"maint.toml [[retention]] rule 2 keep: {clause}. Nothing was touched."
    assert expected in result.err
    assert left(conn) == "abcdtu"


def test_other_jobs_run_beside_a_rule_that_is_refused(kept: Inside) -> None:
    """An age out of bounds is the affair of the job that would use it."""
    say(kept, EVENTS.replace("1y", "0"))
    assert kept("cleanup-sessions").code == 0


def test_a_guard_sees_every_rule_first(kept: Inside, conn: Conn) -> None:
    """A last rule that would take over half of a table keeps the first ones from beginning."""
    conn.execute(FILLER, [700, 1200])
    say(kept, TOKENS + NOISE + EVENTS)
    result = kept("retention-cleanup")
    assert result.code == 65
    assert "--max-percent 50" in result.err
    assert left(conn) == "abcdtu"
    say(kept, TOKENS + NOISE + EVENTS + "[jobs.retention-cleanup]\nmax-percent = 80\n")
    assert kept("retention-cleanup").code == 0
    assert left(conn) == "bdu"


WRONG = [
    ('table = "gone"', "There is no table gone. Name yours in maint.toml: [[retention]] rule 2 ta"),
    (
        'column = "x"',
        "audit.events has no column x. Name yours in maint.toml: [[retention]] rule 2 c",
    ),
    ('column = "kind"', "audit.events.kind is of type text, which is not a time."),
    (
        'where = "kind = 1"',
        "[[retention]] rule 2 where in maint.toml is not a valid condition on rows",
    ),
    ('where = "random() < 0.5"', "it calls random(), whose answer changes from call to call"),
    ('where = "pg_catalog.RANDOM () < 0.5"', "it calls random(), whose answer changes"),
    (
        "final = 1",
        "maint.toml [[retention]] rule 2 final: it is a number and must be true or false",
    ),
    ('colour = "red"', "maint.toml [[retention]] rule 2: unknown key colour; did you mean column?"),
]


@pytest.mark.parametrize(("line", "message"), WRONG)
def test_a_rule_that_is_wrong_stops_all(kept: Inside, conn: Conn, line: str, message: str) -> None:
    """One sentence with the number of the rule, exit 78, and every row left."""
    key = line.partition(" ")[0]
    rest = [row for row in NOISE.splitlines() if not row.startswith(f"{key} ")]
    say(kept, EVENTS + "\n".join([*rest, line]))
    result = kept("retention-cleanup")
    assert result.code == 78, result.err
    assert message in result.err
    assert left(conn) == "abcdtu"


def test_a_view_is_no_table(kept: Inside, conn: Conn) -> None:
    """Rows go from tables alone; the sentence names the rule."""
    conn.execute("CREATE VIEW recent AS SELECT * FROM audit.events")
    say(kept, EVENTS.replace("audit.events", "recent"))
    result = kept("retention-cleanup")
    assert result.code == 78
    assert "Name the table behind it in maint.toml: [[retention]] rule 1 table = " in result.err


def test_each_rule_has_a_line_with_its_own_cutoff(inside: Inside, conn: Conn) -> None:
    """Before its rows go, at the end, and in a dry run; two rules of one table are told apart."""
    keep = {"a": (90, 300), "b": (200,)}
    texts: list[str] = []
    for table, ages in keep.items():
        conn.execute(sql.SQL("CREATE TABLE {} (at timestamptz)").format(sql.Identifier(table)))
        conn.execute(
            sql.SQL(
                "INSERT INTO {} SELECT now() - i * interval '1 day' - interval '1 h'"
                " FROM generate_series(1, 400) i"
            ).format(sql.Identifier(table))
        )
        texts += [
            f'[[retention]]\ntable = "{table}"\ncolumn = "at"\nkeep = "{age}d"\n' for age in ages
        ]
    (inside.folder / "maint.toml").write_text("".join(texts))
    options = ("--max-percent", "100", "--json")
    dry = inside("retention-cleanup", "--dry-run", *options)
    real = inside("retention-cleanup", *options)
    for run, verb in ((dry, "would delete"), (real, "deleted")):
        rules = run.json["rules"]
        assert [(one["table"], one["rule"]) for one in rules] == [
            ("public.a", "[[retention]] rule 1"),
            ("public.a", "[[retention]] rule 2"),
            ("public.b", "[[retention]] rule 3"),
        ]
        assert [one["deleted_count"] for one in rules] == [311, 0, 201]
        assert len({one["cutoff"] for one in rules}) == 3
        for one in rules:
            rows = f"{one['deleted_count']} rows of {one['table']} ({one['rule']})"
            assert f"{verb} {rows} older than {one['cutoff']}" in run.err
    for rule in real.json["rules"]:
        assert f"deleting rows of {rule['table']} ({rule['rule']}) older than" in real.err
    assert conn.execute("SELECT (SELECT count(*) FROM a), count(*) FROM b").fetchall() == [
        (89, 199)
    ]
    assert ", cutoff " not in inside("retention-cleanup", "--max-percent", "100").out
