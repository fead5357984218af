"""Proof 8: a run imports what it uses."""

import subprocess
import sys
from pathlib import Path

import pytest

UNWANTED = ("rich", "http.client", "pydantic", "tenacity", "dotenv", "tomllib", "cronsim")
PROGRAM = """
import sys
sys.argv = ["maint", *{arguments!r}]
from maintcli.cli.app import run
code = run(sys.argv[1:])
sys.stderr.write("\\n" + str(code) + " " + " ".join(sys.modules))
"""


def modules(arguments: tuple[str, ...], url: str) -> tuple[int, set[str]]:
    """Run the command in a fresh interpreter; its code, and every module it imported."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(arguments=arguments)],
        env={"DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=True,
    )
    code, *names = done.stderr.splitlines()[-1].split()
    return int(code), set(names)


def test_a_job_imports_no_more_than_it_needs(db: str) -> None:
    """No rich, http.client, pydantic, tenacity or dotenv, and no other job."""
    code, found = modules(("cleanup-sessions",), db)
    assert code == 0
    assert not found & set(UNWANTED)
    jobs = {name for name in found if name.startswith("maintcli.jobs.")}
    assert jobs == {"maintcli.jobs.cleanup_sessions"}


def test_a_trigger_imports_http_when_it_sends(tmp_path: Path) -> None:
    """Its dry run does not, and no run imports another job."""
    config = tmp_path / "maint.toml"
    config.write_text('[triggers.pending]\nurl = "https://h/"\nauth = "none"\n')
    words = ("trigger", "pending", "--dry-run", "--config", str(config))
    code, found = modules(words, "postgresql://nowhere.invalid/x")
    assert code == 0
    assert not found & {"http.client", "rich", "pydantic", "tenacity", "cronsim"}
    assert not any(name.startswith("maintcli.jobs.") for name in found)


@pytest.mark.parametrize("arguments", [("--help",), ("--version",)], ids=" ".join)
def test_help_imports_no_job_and_no_driver(arguments: tuple[str, ...]) -> None:
    """The list of commands is strings."""
    code, found = modules(arguments, "")
    assert code == 0
    assert not found & {"psycopg", "maintcli.api", *UNWANTED}
