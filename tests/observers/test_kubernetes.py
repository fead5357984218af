"""The termination message of a container: what fits into its 4,096 bytes."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from maintcli.errors import Code, Outcome
from maintcli.observers import kubernetes
from maintcli.runtime.report import Report

_MOST_BYTES = 4096


def _written(folder: Path, **fields: Any) -> tuple[bytes, dict[str, Any]]:
    """The file's bytes, and the object in it."""
    path = folder / "termination-log"
    path.touch()
    report = Report(
        job="cleanup-sessions",
        run_id="0199a1b2",
        dry_run=False,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        outcome=Outcome.FAILED,
        exit_code=Code.FAILED,
        **fields,
    )
    kubernetes._write(path, report)
    found = path.read_bytes()
    return found, json.loads(found.decode())


@pytest.mark.parametrize("character", ["a", "é", "€", "🙂", '"', "\\"])
@pytest.mark.parametrize("shift", range(4))
def test_a_long_message_is_cut_between_characters(
    tmp_path: Path, character: str, shift: int
) -> None:
    """Whatever their size in UTF-8; it stays one JSON object, with the run's name and outcome."""
    message = "x" * shift + character * 9000
    found, data = _written(tmp_path, message=message, warnings=["w" * 9000])
    assert len(found) <= _MOST_BYTES
    assert list(data)[:2] == ["exit_code", "message"]
    assert data["message"].endswith("…")
    assert message.startswith(data["message"][:-1])
    assert len(data["message"].encode()) > 1000
    assert (data["exit_code"], data["job"], data["outcome"]) == (1, "cleanup-sessions", "failed")
    assert "warnings" not in data


def test_what_does_not_fit_is_left_out_whole(tmp_path: Path) -> None:
    """The message stays as it is, and so does what fits behind the part that does not."""
    counts = {"tables": {"t" * 9000: 1}, "deleted_count": 7}
    found, data = _written(tmp_path, message="No disk.", statements=["S" * 5000], counts=counts)
    assert len(found) <= _MOST_BYTES
    assert (data["message"], data["deleted_count"]) == ("No disk.", 7)
    assert not data.keys() & {"statements", "tables"}


def test_a_report_that_fits_is_there_in_full(tmp_path: Path) -> None:
    """The exit code and the message first."""
    _, data = _written(tmp_path, message="No disk.", counts={"deleted_count": 7})
    assert list(data)[:3] == ["exit_code", "message", "job"]
    assert {"warnings", "backlog", "run_id", "deleted_count", "started_at"} <= data.keys()
