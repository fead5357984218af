"""--database all"""

import signal
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from maintcli.db import toolkit
from maintcli.engines.foreign_keys import show
from tests.parts.cli import Maint, Result
from tests.parts.databases import database
from tests.parts.inside import Inside
from tests.parts.server import Server
from tests.parts.waiting import PATIENCE, until

JOB = "cleanup-sessions"


@dataclass
class Tenants:
    """Databases of one configuration, by name; each has three stale sessions."""

    inside: Inside
    urls: dict[str, str]

    def write(self, **more: str) -> None:
        """The configuration, with URLs of `more` databases."""
        text = [f'[databases.{n}]\nurl = "{u}"\n' for n, u in {**self.urls, **more}.items()]
        (self.inside.folder / "maint.toml").write_text("".join(text))

    def ask(self, name: str, query: str) -> Any:
        """The first value of a query in that database."""
        with psycopg.connect(self.urls[name], autocommit=True) as conn:
            row = conn.execute(query).fetchone()  # type: ignore[arg-type]
            return row and row[0]

    def left(self) -> dict[str, int]:
        """The sessions of each."""
        return {n: self.ask(n, "SELECT count(*) FROM active_sessions") for n in self.urls}

    def run(self, *words: str, env: dict[str, str] | None = None) -> Result:
        """Run the job in all."""
        return self.inside(JOB, "--database", "all", *words, env=env)


@pytest.fixture
def tenants(server: Server, template: str, tmp_path: Path) -> Generator[Tenants]:
    """Three of them, and no main database."""
    (tmp_path / "inside").mkdir()
    with ExitStack() as stack:
        made = [stack.enter_context(database(server, template=template)) for _ in range(3)]
        urls = dict(zip(("acme", "bolt", "coal"), map(server.dsn, made), strict=True))
        found = Tenants(Inside(tmp_path / "inside"), urls)
        for name in urls:
            found.ask(
                name,
                "INSERT INTO active_sessions SELECT n, 'k', now() - interval '1 h'"
                " FROM generate_series(1, 3) n RETURNING 1",
            )
        found.write()
        yield found


def outcomes(result: Result) -> dict[str, tuple[str, int]]:
    """How it ended in each."""
    return {r["database"]: (r["outcome"], r["exit_code"]) for r in result.json["databases"]}


@pytest.fixture
def troubled(tenants: Tenants, impatient: None) -> Tenants:  # noqa: ARG001  for its effect
    """One is fine, one is broken, one is paused."""
    assert tenants.inside("pause", JOB, "--database", "coal").code == 0
    tenants.write(bolt="postgresql://nobody@127.0.0.1:1/nothing")
    return tenants


def test_one_broken_one_fine_one_paused(troubled: Tenants) -> None:
    """Each ends by itself; the exit code is the gravest, the figures are sums."""
    result = troubled.run("--json")
    assert outcomes(result) == {
        "acme": ("success", 0),
        "bolt": ("failed", 69),
        "coal": ("skipped", 0),
    }
    found = result.json
    assert (result.code, found["exit_code"], found["success"]) == (69, 69, False)
    assert (found["outcome"], found["not_started"]) == ("failed", [])
    assert found["databases_count"] == 3
    assert (found["failed_databases_count"], found["skipped_databases_count"]) == (1, 1)
    assert found["deleted_count"] == 3
    assert found["message"].startswith("1 of 3 did not succeed: bolt: The database cannot be")
    assert troubled.left() == {"acme": 0, "bolt": 3, "coal": 3}
    assert troubled.ask("acme", "SELECT count(*) FROM job_runs") == 1
    assert troubled.ask("coal", "SELECT count(*) FROM job_runs") == 0


def test_a_line_for_each_and_one_for_all(troubled: Tenants) -> None:
    """As text; the log says which database it speaks of."""
    result = troubled.run()
    acme, bolt, coal, whole = result.out.splitlines()
    assert acme.startswith("acme: cleanup-sessions: success: deleted 3")
    assert bolt.startswith("bolt: cleanup-sessions: failed (")
    assert coal.startswith("coal: cleanup-sessions: skipped (")
    assert whole.startswith("cleanup-sessions: failed: 1 of 3 did not succeed (bolt): deleted 3")
    assert "run " not in whole
    assert " INFO cleanup-sessions[acme] started run=" in result.err
    assert " ERROR cleanup-sessions[bolt] " in result.err


def test_quiet_tells_of_trouble_alone(troubled: Tenants) -> None:
    """The failed one and the whole; nothing where all is well."""
    assert len(troubled.run("-q").out.splitlines()) == 2
    troubled.write()
    result = troubled.run("-q")
    assert (result.code, result.out, result.err) == (0, "", "")


def test_the_main_database_is_one_of_them(tenants: Tenants, db: str) -> None:
    """[database] or DATABASE_URL, called default; the variable may say all, too."""
    env = {"DATABASE_URL": db, "MAINT_DATABASE": "all"}
    result = tenants.inside(JOB, "--json", env=env)
    assert [*outcomes(result)] == ["acme", "bolt", "coal", "default"]
    assert result.json["outcome"] == "success"


def test_a_url_that_cannot_be_read_is_that_databases_failure(tenants: Tenants) -> None:
    """A variable that is missing, a file that is not there."""
    tenants.write(bolt="file:nowhere")
    result = tenants.run("--json")
    assert outcomes(result) == {
        "acme": ("success", 0),
        "bolt": ("failed", 78),
        "coal": ("success", 0),
    }


def test_a_dry_run_of_all_changes_nothing(tenants: Tenants) -> None:
    """It counts in each."""
    found = tenants.run("--json", "--dry-run").json
    assert (found["dry_run"], found["deleted_count"]) == (True, 9)
    assert tenants.left() == {"acme": 3, "bolt": 3, "coal": 3}


def test_parts_share_out_the_databases(tenants: Tenants) -> None:
    """By their place in the order of names; what is shared is not shared again within one."""
    assert [*outcomes(tenants.run("--json", "--shard", "0/2"))] == ["acme", "coal"]
    assert tenants.left() == {"acme": 0, "bolt": 3, "coal": 0}
    found = tenants.run("--json", "--shard", "auto/2", env={"JOB_COMPLETION_INDEX": "1"})
    assert [*outcomes(found)] == ["bolt"]
    assert "shard" not in found.json["databases"][0]
    assert tenants.left() == {"acme": 0, "bolt": 0, "coal": 0}
    assert tenants.ask(
        "bolt",
        "SELECT last_success_at IS NOT NULL FROM job_heartbeats WHERE name = 'cleanup-sessions'",
    )
    empty = tenants.run("--json", "--shard", "3/4")
    assert (empty.code, empty.json["databases"], empty.json["outcome"]) == (0, [], "success")


@pytest.mark.parametrize(
    ("words", "env", "code", "sentence"),
    [
        (("--shard", "2/2"), {}, 2, "there is no part 2 of 2"),
        (("--stale-after", "soon"), {}, 2, "--stale-after"),
        (("--dry-run", "--plan", "plan.json"), {}, 2, "--plan is for one database"),
        ((), {"MAINT_CLEANUP_SESSIONS_SHARE": "lots"}, 78, "MAINT_CLEANUP_SESSIONS_SHARE"),
    ],
)
def test_wrong_options_are_said_once_and_before(
    tenants: Tenants, words: tuple[str, ...], env: dict[str, str], code: int, sentence: str
) -> None:
    """No database is touched."""
    result = tenants.run(*words, env=env)
    assert (result.code, result.out) == (code, "")
    assert sentence in result.err
    assert len(result.err.splitlines()) == 1
    assert tenants.left() == {"acme": 3, "bolt": 3, "coal": 3}


def test_without_databases_there_is_nothing_to_run(inside: Inside) -> None:
    """As without any."""
    result = inside(JOB, "--database", "all", env={"DATABASE_URL": ""})
    assert result.code == 78


def test_other_commands_want_one_database(tenants: Tenants) -> None:
    """And say so."""
    result = tenants.inside("status", "--database", "all")
    assert (result.code, result.out) == (2, "")
    assert "name one database" in result.err


def test_several_jobs_run_in_each(tenants: Tenants) -> None:
    """Database by database."""
    result = tenants.inside("run", JOB, JOB, "--database", "all", "--json")
    assert [r["database"] for r in result.json["databases"]] == [
        "acme",
        "acme",
        "bolt",
        "bolt",
        "coal",
        "coal",
    ]
    assert (result.json["job"], result.json["deleted_count"]) == ("run", 9)


def test_the_toolkits_tables_are_made_and_checked_in_all(tenants: Tenants, server: Server) -> None:
    """One that fails does not keep the others from it."""
    with database(server) as empty:
        tenants.write(bolt=server.dsn(empty), coal="file:nowhere")
        result = tenants.inside("db", "check", "--database", "all", "--json")
        assert result.code == 78
        assert [one["exit_code"] for one in result.json["databases"]] == [0, 78, 78]
        result = tenants.inside("db", "migrate", "--database", "all", "--json")
        assert result.code == result.json["exit_code"] == 78
        assert [one.get("applied") for one in result.json["databases"][:2]] == [
            [],
            [name for _, name, _ in toolkit._migrations()],
        ]
        result = tenants.inside("db", "check", "--database", "all")
        assert "bolt: The toolkit's tables in schema public are at version" in result.out
        assert "coal: " in result.out


def test_whoever_listens_is_told_once(troubled: Tenants, tmp_path: Path) -> None:
    """GitHub's summary and Kubernetes' message hold one report of all."""
    summary, message = tmp_path / "summary", tmp_path / "message"
    message.touch()
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(summary),
        "KUBERNETES_SERVICE_HOST": "10.0.0.1",
        "MAINT_TERMINATION_LOG": str(message),
    }
    result = troubled.run(env=env)
    assert summary.read_text().count("### cleanup-sessions: failed") == 1
    assert result.err.count("::error title=cleanup-sessions::1 of 3") == 1
    assert '"databases_count": 3' in message.read_text()


def test_a_signal_ends_the_one_and_the_rest_is_not_begun(tenants: Tenants, maint: Maint) -> None:
    """Which is said; 143."""
    (maint.folder / "maint.toml").write_text((tenants.inside.folder / "maint.toml").read_text())
    with psycopg.connect(tenants.urls["acme"]) as holder:
        holder.execute("LOCK TABLE active_sessions IN ACCESS EXCLUSIVE MODE")
        process = maint.start(JOB, "--database", "all", "--json")
        waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'active_sessions'::regclass AND NOT granted"
        until(lambda: tenants.ask("acme", waiting), "it waits for the table")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 143
    found = Result(143, out, err)
    assert outcomes(found) == {"acme": ("interrupted", 143)}
    assert found.json["not_started"] == ["bolt", "coal"]
    assert "not started: cleanup-sessions[bolt], cleanup-sessions[coal]" in err


def test_what_one_database_could_not_count_is_unknown_for_all(
    tenants: Tenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The figure of the others alone would be too small."""
    with psycopg.connect(tenants.urls["bolt"], autocommit=True) as conn:
        conn.execute(
            "ALTER TABLE active_sessions ADD up text REFERENCES active_sessions ON DELETE CASCADE"
        )
    monkeypatch.setattr(show, "_ALL_SECONDS", 0)
    found = tenants.run("--dry-run", "--json").json
    each = {one["database"]: one["deleted_count"] for one in found["databases"]}
    assert each == {"acme": 3, "bolt": None, "coal": 3}
    assert found["deleted_count"] is None
