"""Those who are told at the end, because of where a run is."""

import json
from datetime import UTC, datetime
from html import escape
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from maintcli.observers import github
from maintcli.output.out import as_json
from maintcli.runtime.log import printable
from maintcli.runtime.report import Report
from tests.parts.inside import Inside


def test_github_gets_a_summary_and_annotations(inside: Inside) -> None:
    """Figures to the step summary; a failure as an annotation with its title."""
    summary = inside.folder / "summary.md"
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    assert "::error" not in inside("cleanup-sessions", env=env).err
    assert "### cleanup-sessions: success" in summary.read_text()
    assert "| deleted | 0 |" in summary.read_text()
    failed = inside("cleanup-sessions", "--stale-after", "0", env=env)
    assert "::error title=cleanup-sessions::--stale-after: 0s is too small" in failed.err


@pytest.mark.parametrize(
    "text",
    [
        "see [here](https://evil.example)",
        "![](https://evil.example/x.png)<b>",
        "<https://evil.example>",
        "a ` b `` [c](https://evil.example)",
        "`",
        "a\n\n# b\r\n[c](d)",
        "a\\",
        "a | [b](c) |",
    ],
)
def test_text_in_a_summary_is_no_markdown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """A name in the database, or an error that holds one, must not become a link or an image."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    report = Report(
        job="cleanup-sessions",
        run_id="0199a1b2",
        dry_run=False,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        message=text,
        counts={"deleted_count": 3, "archive": text},
    )
    github.tell(report)
    summary = (tmp_path / "summary.md").read_text()
    page = MarkdownIt("commonmark").enable("table").render(summary)
    shown = f"<code>{escape(' '.join(text.split()))}</code>"
    assert f"<p>{shown}</p>" in page
    assert f"<tr>\n<td>archive</td>\n<td>{shown}</td>\n</tr>" in page
    assert "<td>3</td>" in page


def test_kubernetes_gets_one_line_of_json(inside: Inside) -> None:
    """In the termination message file, of at most 4,096 bytes."""
    message = inside.folder / "termination-log"
    message.touch()
    env = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "MAINT_TERMINATION_LOG": str(message)}
    inside("cleanup-sessions", env=env)
    assert json.loads(message.read_text())["outcome"] == "success"
    inside("cleanup-sessions", "--stale-after", "0", env=env)
    assert json.loads(message.read_text())["exit_code"] == 65


def test_a_file_that_is_not_there_is_nobody_s_failure(inside: Inside) -> None:
    """Outside of a container there is no such file."""
    env = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "MAINT_TERMINATION_LOG": "/nowhere/x"}
    assert inside("cleanup-sessions", env=env).code == 0


def test_who_listens_cannot_change_what_happened(inside: Inside) -> None:
    """A summary that cannot be written is said, and the run is still a success."""
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": "/nowhere/summary.md"}
    result = inside("cleanup-sessions", env=env)
    assert result.code == 0
    assert "observer github failed: FileNotFoundError" in result.err


def test_text_of_the_database_is_no_command_to_the_runner() -> None:
    """GitHub's runner obeys ##[add-mask] and the like anywhere in a line."""
    text = "a ##[stop-commands]x ###[b]"
    assert "##[" not in printable(text)
    assert "##[" not in as_json({"message": text})
    assert json.loads(as_json({"message": text})) == {"message": text}
