"""A job of another package: trusted when it is listed, and then a command like any other."""

import sys
from pathlib import Path

import psycopg
import pytest

from tests.parts.cli import Maint
from tests.parts.enabled import enable
from tests.parts.inside import Inside
from tests.parts.package import install, install_example

Conn = psycopg.Connection[tuple[object, ...]]
LISTED = 'plugins = ["Maint_Example"]\n'
ENABLED = LISTED + enable("cleanup-drafts")


@pytest.fixture
def example(site: Path, inside: Inside, conn: Conn) -> Inside:
    """The example package, installed and listed, and 3 old drafts, 1 of them pinned."""
    install_example(site)
    (inside.folder / "maint.toml").write_text(LISTED)
    conn.execute("CREATE TABLE drafts (id text, touched_at timestamptz, pinned boolean)")
    conn.execute(
        "INSERT INTO drafts VALUES ('a', now() - interval '31 d', false), ('b', now(), false),"
        " ('c', now() - interval '40 d', false), ('d', now() - interval '40 d', true)"
    )
    return inside


def drafts(conn: Conn) -> list[object]:
    """The ids that are left."""
    return [row[0] for row in conn.execute("SELECT id FROM drafts ORDER BY id")]


def test_it_is_a_command_in_a_process_of_its_own(
    maint: Maint, tmp_path: Path, conn: Conn, db: str
) -> None:
    """Installed and listed, it runs as any other job, and the ledger knows it."""
    install_example(tmp_path / "site")
    (maint.folder / "maint.toml").write_text(LISTED)
    conn.execute("CREATE TABLE drafts (id text, touched_at timestamptz, pinned boolean)")
    conn.execute("INSERT INTO drafts VALUES ('a', now() - interval '31 d', false)")
    maint.env = {"PYTHONPATH": str(tmp_path / "site"), "DATABASE_URL": db}
    result = maint("cleanup-drafts", "--json")
    assert (result.code, result.json["deleted_count"]) == (0, 1), result.err
    assert drafts(conn) == []
    assert conn.execute("SELECT job, outcome FROM job_runs").fetchall() == [
        ("cleanup-drafts", "success")
    ]


def test_it_is_listed_and_explains_itself(example: Inside) -> None:
    """`--help`, `list` and `plugins` show it; its option has a variable and a key."""
    assert example("list", "--json").json["jobs"] == []
    (example.folder / "maint.toml").write_text(ENABLED)
    root = example("--help").out
    assert "Plugins:" in root
    assert "cleanup-drafts" in root
    found = {job["name"]: job for job in example("list", "--json").json["jobs"]}
    assert found["cleanup-drafts"]["schedule"] == "30 2 * * *"
    assert example("plugins", "--json").json["plugins"][0]["listed"] is True
    words = " ".join(example("cleanup-drafts", "--help").out.split())
    assert "Remove drafts that nobody has touched for a long time." in words
    assert "env: MAINT_CLEANUP_DRAFTS_OLDER_THAN" in words
    assert "toml: [jobs.cleanup-drafts] older-than" in words


def test_it_has_a_dry_run_and_a_guard(example: Inside, conn: Conn) -> None:
    """A dry run counts and changes nothing; an absurd age is refused by the bound of its option."""
    dry = example("cleanup-drafts", "--dry-run", "--json").json
    assert (dry["deleted_count"], drafts(conn)) == (2, ["a", "b", "c", "d"])
    refused = example("cleanup-drafts", "--older-than", "1h")
    assert refused.code == 65
    assert "at least 1d" in refused.err
    assert example("cleanup-drafts").code == 0
    assert drafts(conn) == ["b", "d"]


def test_its_settings_come_from_file_and_variable(example: Inside, conn: Conn) -> None:
    """[jobs.…], [tables.…] and MAINT_… work as for the built-in jobs."""
    conn.execute("ALTER TABLE drafts RENAME TO entwuerfe")
    (example.folder / "maint.toml").write_text(
        f'{LISTED}[jobs.cleanup-drafts]\nolder-than = "35d"\n[tables.drafts]\nname = "entwuerfe"\n'
    )
    assert example("cleanup-drafts", "-n", "--json").json["deleted_count"] == 1
    variable = {"MAINT_CLEANUP_DRAFTS_OLDER_THAN": "2d"}
    assert example("cleanup-drafts", "-n", "--json", env=variable).json["deleted_count"] == 2
    shown = example("config", "show", env=variable).out
    assert "environment MAINT_CLEANUP_DRAFTS_OLDER_THAN" in shown


def test_one_that_is_not_listed_is_refused(example: Inside, conn: Conn) -> None:
    """One sentence, 78, nothing imported, nothing changed; and --help does not show it."""
    (example.folder / "maint.toml").unlink()
    result = example("cleanup-drafts")
    assert result.code == 78
    assert result.err.startswith("maint: cleanup-drafts comes from the package maint-example")
    assert 'plugins = ["maint-example"]' in result.err
    assert len(result.err.splitlines()) == 1
    assert "cleanup-drafts" not in example("--help").out + example("list").out
    assert not [name for name in sys.modules if name.startswith("maint_example")]
    assert len(drafts(conn)) == 4


def test_one_that_is_enabled_and_not_listed_is_an_error(example: Inside) -> None:
    """Else it would be expected by its user, and never run."""
    (example.folder / "maint.toml").write_text(enable("cleanup-drafts"))
    result = example("schedule", "next")
    assert (result.code, result.out) == (78, "")
    assert "maint.toml [jobs.cleanup-drafts]: it is a job of the package maint-exa" in result.err
    assert 'write plugins = ["maint-example"], or disable it.' in result.err


@pytest.mark.parametrize("given", [("--config", "other.toml"), ("--config=other.toml",)])
def test_the_file_named_by_config_may_list_it(example: Inside, given: tuple[str, ...]) -> None:
    """--config is looked for before the command is known."""
    (example.folder / "maint.toml").rename(example.folder / "other.toml")
    assert example("cleanup-drafts", "-n").code == 78
    assert example("cleanup-drafts", "-n", *given).code == 0


CANNOT_DRY_RUN = """
from dataclasses import dataclass
from maintcli.api import Run, job

@dataclass(frozen=True)
class Sent:
    sent_count: int

@job(schedule=None, group="Mail", dry_run=False)
def send_mail(run: Run) -> Sent:
    \"\"\"Send what cannot be taken back.\"\"\"
    return Sent(1)
"""


def test_a_job_that_cannot_dry_run_is_refused_one(site: Path, inside: Inside) -> None:
    """It is never run silently; without --dry-run it runs, and its figures are in the report."""
    install(site, "mailer", {"send-mail": "mailer:send_mail"}, mailer=CANNOT_DRY_RUN)
    (inside.folder / "maint.toml").write_text('plugins = ["mailer"]')
    refused = inside("send-mail", "--dry-run")
    assert refused.code == 2
    assert "send-mail cannot show what it would do" in refused.err
    assert inside("send-mail", "--json").json["sent_count"] == 1


BROKEN = {
    "a missing module": "import no_such_module_anywhere",
    "a mistake": "1 / 0",
    "an exit": "raise SystemExit(0)",
    "no job": "broken = 1",
    "no such name": "",
    "another name": "from maint_example.drafts import cleanup_drafts as broken",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_broken_one_breaks_only_itself(site: Path, example: Inside, text: str) -> None:
    """One sentence and 70 for itself; --help, list, status and other jobs go on."""
    install(site, "crooked", {"broken": "crooked:broken"}, crooked=text)
    (example.folder / "maint.toml").write_text('plugins = ["maint-example", "crooked"]')
    result = example("broken", "-v")
    assert (result.code, len(result.err.splitlines())) == (70, 1), result.err
    assert result.err.startswith("maint: The job broken of another package (crooked:broken)")
    assert example("--help").code == 0
    assert example("cleanup-drafts").code == 0
    for arguments in (("list",), ("status",), ("run", "cleanup-drafts", "cleanup-sessions")):
        found = example(*arguments)
        assert (found.code, "cleanup-drafts" in found.out) == (0, True), found.err
        assert "cannot be loaded" in found.err


@pytest.mark.parametrize("arguments", [("broken", "cleanup-sessions"), ("--all",)], ids=" ".join)
def test_run_goes_on_after_a_broken_one_and_says_so(
    site: Path, inside: Inside, arguments: tuple[str, ...]
) -> None:
    """The others run; the exit code is 70, since a trusted job was not run."""
    install(site, "crooked", {"broken": "crooked:broken"}, crooked="import no_such_module")
    enabled = enable("broken", "cleanup-sessions")
    (inside.folder / "maint.toml").write_text(f'plugins = ["crooked"]\n{enabled}')
    result = inside("run", *arguments)
    assert (result.code, "cleanup-sessions: success" in result.out) == (70, True), result.err
    assert "no_such_module" in result.err


def test_help_needs_no_configuration_that_can_be_read(example: Inside) -> None:
    """A broken maint.toml is for the commands that need it to complain about."""
    (example.folder / "maint.toml").write_text("[jobs")
    assert example("--help").code == 0
    assert example("cleanup-drafts").code == 78


UNANNOTATED = """
from maintcli.api import Annotated, Duration, Opt, Run, Sweep, duration, job

@job(schedule=None, group="Drafts", engine=Sweep(max_percent=90))
def tidy_drafts(
    run: Run, *, older_than: Annotated[Duration, Opt("Age.", min="1d")] = duration("30d")
):
    \"\"\"Remove old drafts.\"\"\"
    return run.sweep("drafts", where="{touched_at} < {cutoff} AND {pinned} = false",
                     by="touched_at", older_than=older_than)
"""


def test_the_declared_engine_decides_the_options(site: Path, example: Inside, conn: Conn) -> None:
    """A sweeping job sweeps, and has its guard, whatever its function is annotated with."""
    install(site, "tidier", {"tidy-drafts": "tidier:tidy_drafts"}, tidier=UNANNOTATED)
    (example.folder / "maint.toml").write_text('plugins = ["tidier"]')
    assert example("tidy-drafts", "--max-rows", "1").code == 65
    assert drafts(conn) == ["a", "b", "c", "d"]
    swept = example("tidy-drafts", "--json")
    assert (swept.code, swept.json["deleted_count"]) == (0, 2), swept.err
    assert drafts(conn) == ["b", "d"]


UNDECLARED = {
    "sweep": (
        'run.sweep("drafts", where="{touched_at} < {cutoff}", by="touched_at", older_than=AGE)',
        "Sweep",
    ),
    "mark": (
        'run.update(Stale("drafts", "{touched_at} < {cutoff}", "touched_at", AGE), {"id": "NULL"})',
        "Update",
    ),
    "reap": ("run.reap(AGE)", "Update"),
    "sweep_orphans": ('run.sweep_orphans(["drafts.id -> users.id"], older_than=AGE)', "Orphans"),
    "erase": ('run.erase(["drafts.id"], opted_out_for=AGE)', "Erase"),
}


@pytest.mark.parametrize(("call", "engine"), UNDECLARED.values(), ids=UNDECLARED)
def test_a_job_without_its_engine_is_refused(
    site: Path, example: Inside, conn: Conn, call: str, engine: str
) -> None:
    """One sentence says what to declare; no row is touched, also in a dry run."""
    text = (
        "from maintcli.api import Run, Stale, duration, job\n"
        'AGE = duration("1d")\n'
        '@job(schedule=None, group="Drafts")\n'
        "def tidy_drafts(run: Run):\n"
        f'    "Tidy up."\n    return {call}\n'
    )
    install(site, "tidier", {"tidy-drafts": "tidier:tidy_drafts"}, tidier=text)
    (example.folder / "maint.toml").write_text('plugins = ["tidier"]')
    for words in ((), ("--dry-run",)):
        result = example("tidy-drafts", *words)
        assert result.code == 70
        assert f"write @job(engine={engine}(), …)" in result.err
        assert "KeyError" not in result.err
    assert drafts(conn) == ["a", "b", "c", "d"]


WRONG = ("engine=Sweep", "engine=Update(max_percent=50)", "max_percent=50", 'engine="sweep"')


@pytest.mark.parametrize("declaration", WRONG)
def test_an_engine_that_is_none_is_refused_at_import(
    site: Path, example: Inside, declaration: str
) -> None:
    """Also a guard that nothing would ask: one sentence, and the other jobs go on."""
    text = (
        "from maintcli.api import Run, Sweep, Update, job\n"
        f'@job(schedule=None, group="Drafts", {declaration})\n'
        'def tidy_drafts(run: Run):\n    "Tidy up."\n'
    )
    install(site, "tidier", {"tidy-drafts": "tidier:tidy_drafts"}, tidier=text)
    (example.folder / "maint.toml").write_text('plugins = ["tidier", "maint-example"]')
    result = example("tidy-drafts")
    assert (result.code, len(result.err.splitlines())) == (70, 1), result.err
    assert result.err.startswith("maint: The job tidy-drafts of another package")
    assert "TypeError" in result.err
    assert example("cleanup-drafts", "--dry-run").code == 0
