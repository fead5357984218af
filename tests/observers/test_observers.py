"""Those who are told at the end, because of where a run is."""

import json

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
    assert "could not tell maintcli.observers.github" in result.err
