"""What the documentation shows works as shown."""

import re
import tomllib
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from maintcli.config.load import load
from tests.parts.inside import Inside

Conn = psycopg.Connection[tuple[object, ...]]
ROOT = Path(__file__).parents[2]
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(path: Path, language: str) -> list[str]:
    """The code blocks of a page in that language."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", path.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )


def shape(text: str) -> list[str]:
    """The lines with every figure, time and run id made equal."""
    runs = re.sub(r"run [0-9a-f-]{36}", "run R", text)
    return re.sub(r"\b\d[\d.,:TZ-]*( ms| s\b)?", "N", runs).splitlines()


def test_a_dry_run_looks_as_in_the_readme(inside: Inside, bare_db: str) -> None:
    """Log on standard error, then the line on standard output; figures aside, word for word."""
    inside.env = {"DATABASE_URL": bare_db}
    assert inside("db", "example", "--sessions", "50000").code == 0
    result = inside("cleanup-sessions", "--dry-run")
    (shown,) = blocks(ROOT / "README.md", "console")
    command, *lines = shape(shown)
    assert command == "$ maint cleanup-sessions --dry-run"
    assert shape(result.err + result.out) == lines


def test_the_grants_are_enough(inside: Inside, db: str, conn: Conn) -> None:
    """A role with what docs/running-it.md grants can run a job and look at it, and no more."""
    (grants,) = blocks(ROOT / "docs" / "running-it.md", "sql")
    role = "night"
    conn.execute(
        sql.SQL("DROP ROLE IF EXISTS {r}; CREATE ROLE {r} LOGIN").format(r=sql.Identifier(role))
    )
    conn.execute(grants.encode())
    conn.execute("INSERT INTO active_sessions VALUES ('a', 'k', now() - interval '1 h')")
    inside.env = {"DATABASE_URL": db.replace("postgres@", f"{role}@", 1)}
    result = inside("cleanup-sessions", "--json")
    assert (result.code, result.json["deleted_count"]) == (0, 1), result.err
    for command in ("db check", "status", "history", "readyz", "pause cleanup-sessions"):
        assert inside(*command.split()).code == 0, command
    conn.execute(sql.SQL("DROP OWNED BY {r}; DROP ROLE {r}").format(r=sql.Identifier(role)))


@pytest.mark.parametrize(
    "text",
    [t for path in DOCS for t in blocks(path, "toml") if "[project" not in t],
    ids=lambda text: text.split("\n")[0],
)
def test_each_piece_of_maint_toml_is_valid(inside: Inside, text: str) -> None:
    """It loads, and its jobs and tables exist."""
    tomllib.loads(text)
    (inside.folder / "maint.toml").write_text(text)
    found = load(environ={}, cwd=inside.folder)
    assert found.path is not None
    assert inside("config", "show").code == 0


def test_every_promise_names_a_test_that_exists() -> None:
    """docs/guarantees.md links a test for each, and has a place for the figures of `make chaos`."""
    text = (ROOT / "docs" / "guarantees.md").read_text("utf-8")
    promises = text.partition("## Guaranteed")[2].partition("## Not guaranteed")[0]
    rows = [line for line in promises.splitlines() if line.startswith("| ")][2:]
    assert rows
    assert all(re.search(r"\]\(\.\./tests/.*\.py\) \|$", row) for row in rows)
    assert "<!-- chaos: begin -->" in text
