"""The next sweeping job is one file of some twenty lines."""

from collections.abc import Generator
from pathlib import Path
from unittest import mock

import psycopg
import pytest

from maintcli import registry
from tests.parts.inside import Inside

Conn = psycopg.Connection[tuple[object, ...]]

JOB = '''\
"""maint cleanup-tokens"""

from maintcli.api import Annotated, Duration, Opt, Run, Sweep, Swept, duration, job


@job(schedule="15 * * * *", group="Sessions", engine=Sweep(max_percent=90))
def cleanup_tokens(
    run: Run,
    *,
    older_than: Annotated[Duration, Opt("Time since a token ended.", min="1m")] = duration("7d"),
) -> Swept:
    """Remove tokens that ended long ago."""
    return run.sweep(
        "tokens",
        where="{ends_at} < {cutoff} AND {kind} <> 'root'",
        by="ends_at",
        older_than=older_than,
        show=("id",),
    )
'''
ENTRY = registry.Entry(
    "cleanup_tokens:cleanup_tokens", "Remove tokens that ended long ago.", "Sessions"
)


@pytest.fixture
def tokens(
    inside: Inside, conn: Conn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Generator[Inside]:
    """The job in its file and its line in the catalog; 2 old tokens, 1 fresh, 1 that is kept."""
    (tmp_path / "cleanup_tokens.py").write_text(JOB)
    monkeypatch.syspath_prepend(tmp_path)
    conn.execute("CREATE TABLE tokens (id int, kind text, ends_at timestamptz)")
    conn.execute(
        "INSERT INTO tokens VALUES (1, 'user', now() - interval '8 d'), (2, 'user', now()),"
        " (3, 'user', now() - interval '9 d'), (4, 'root', now() - interval '9 d')"
    )
    with mock.patch.dict(registry.JOBS, {"cleanup-tokens": ENTRY}):
        yield inside


def test_one_file_of_twenty_lines_is_a_job(tokens: Inside, conn: Conn) -> None:
    """It previews, sweeps, and is listed, with lease, ledger, guards and help of its own."""
    assert len(JOB.splitlines()) <= 20
    dry = tokens("cleanup-tokens", "-n", "--json").json
    assert (dry["deleted_count"], dry["remaining_count"]) == (2, 2)
    real = tokens("cleanup-tokens", "--json").json
    assert (real["outcome"], real["deleted_count"]) == ("success", 2)
    assert conn.execute("SELECT id FROM tokens ORDER BY id").fetchall() == [(2,), (4,)]
    assert conn.execute("SELECT job, deleted_count FROM job_runs").fetchall() == [
        ("cleanup-tokens", 2)
    ]
    assert "cleanup-tokens" in tokens("status").out
    assert "--max-percent" in tokens("cleanup-tokens", "--help").out


def test_its_guards_and_names_are_those_of_every_sweep(tokens: Inside, conn: Conn) -> None:
    """A bound of its own, a mapped table, and a table that is not there."""
    assert tokens("cleanup-tokens", "--older-than", "1s").code == 65
    assert tokens("cleanup-tokens", "--max-rows", "1").code == 65
    conn.execute("DROP TABLE tokens")
    missing = tokens("cleanup-tokens")
    assert missing.code == 78
    assert "There is no table tokens" in missing.err
