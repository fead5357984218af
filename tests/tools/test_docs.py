"""The documentation cannot lie: what is generated is up to date, the rest is checked."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tools"))

from manual import links, spoken  # noqa: E402  as tools/docs.py finds them
from manual.page import Page  # noqa: E402


def test_the_documentation_says_what_the_code_says() -> None:
    """No page is stale, no link leads nowhere, and no command is shown that does not exist."""
    command = [sys.executable, "tools/docs.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("`maint cleanup-sesions`", "there is no command cleanup-sesions"),
        ("`maint db migrat`", "there is no command migrat"),
        ("```sh\nX=1 /opt/bin/maint cleanup-sessions --stail-after 5m | cat\n```", "--stail-after"),
        ("`maint --versio`", "there is no option --versio"),
        ("`maint run a b --everything`", "--everything"),
    ],
)
def test_a_command_that_does_not_exist_is_found(tmp_path: Path, text: str, complaint: str) -> None:
    """A misspelt command or option in a page is a complaint that names it."""
    (tmp_path / "page.md").write_text(text)
    (found,) = spoken.wrong(tmp_path / "page.md", "page.md")
    assert complaint in found


@pytest.mark.parametrize(
    "text",
    [
        "`maint cleanup-sessions --stale-after 5m -n`",
        "```\n*/5 * * * * app cd /srv/app && maint cleanup-sessions -q; echo\n```",
        "`maint JOB --help`, `maint --version`, and maint nonsense outside of code",
        "Run: `maint db migrate (or use --no-ledger)`",
        "```yaml\nargs: [maint, status]\n```",
    ],
)
def test_a_command_that_exists_is_fine(tmp_path: Path, text: str) -> None:
    """In a shell, a crontab, a sentence."""
    (tmp_path / "page.md").write_text(text)
    assert list(spoken.wrong(tmp_path / "page.md", "page.md")) == []


def test_links_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    """A missing file, a missing heading; good ones and those of the web are fine."""
    page = tmp_path / "page.md"
    page.write_text(
        "# A heading, `code`!\n[1](gone.md) [2](page.md#a-heading-code) [3](#not-there)"
        " [4](https://example.com/x#y) [5](page.md)\n"
    )
    assert [complaint.split()[4] for complaint in links.broken(page, "page.md")] == [
        "gone.md",
        "#not-there",
    ]


def test_a_part_is_put_between_its_marks_and_the_rest_left(tmp_path: Path) -> None:
    """What is written by hand around a generated part stays; without its marks it is an error."""
    path = tmp_path / "page.md"
    path.write_text("before\n<!-- x: begin -->\nold\n<!-- x: end -->\nafter\n")
    page = Page(path, "new", "x")
    assert page.is_stale()
    page.write()
    assert path.read_text() == "before\n<!-- x: begin -->\nnew\n<!-- x: end -->\nafter\n"
    assert not page.is_stale()
    path.write_text("nothing")
    with pytest.raises(ValueError, match="has lost its marks"):
        page.is_stale()
