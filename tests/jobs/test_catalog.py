"""The lists of strings say what the code says."""

from pathlib import Path

import pytest

from maintcli import jobs, registry
from maintcli.api import Job
from maintcli.cli import commands
from maintcli.registry import COMMAND_GROUPS, COMMANDS


def modules(package: object) -> set[str]:
    """The modules of a package, by their files or, for a group of commands, its folder."""
    (folder,) = map(Path, package.__path__)  # type: ignore[attr-defined]
    groups = {path.parent.name for path in folder.glob("*/__init__.py")}
    return {path.stem for path in folder.glob("*.py")} - {"__init__"} | groups


def test_every_job_is_in_the_catalog() -> None:
    """One file, one command: jobs/cleanup_sessions.py is `maint cleanup-sessions`."""
    assert {name.replace("-", "_") for name in registry.JOBS} == modules(jobs)


@pytest.mark.parametrize("name", registry.JOBS)
def test_the_catalog_says_what_the_job_says(name: str) -> None:
    """Name, summary and heading, so that `--help` needs no import to tell the truth."""
    entry = registry.JOBS[name]
    job = registry.load(entry)
    assert isinstance(job, Job)
    assert (job.name, job.summary, job.group) == (name, entry.summary, entry.group)
    assert entry.group in registry.JOB_GROUPS
    module, _, function = entry.target.partition(":")
    assert module == f"{jobs.__name__}.{function}"


def test_every_operator_command_is_in_the_table() -> None:
    """Each is where the table says, under a heading that --help has; no file is without one."""
    found = {name: registry.load(entry) for name, entry in COMMANDS.items()}
    assert {name: command.name for name, command in found.items()} == {
        name: name for name in COMMANDS
    }
    files = {entry.target.partition(":")[0].rpartition(".")[2] for entry in COMMANDS.values()}
    assert files == modules(commands)
    assert {entry.group for entry in COMMANDS.values()} == set(COMMAND_GROUPS)
    assert not set(COMMANDS) & set(registry.JOBS)
