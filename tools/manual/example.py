"""The example in docs/writing-a-job.md: the files that the tests install."""

from manual.page import ROOT, Page

_EXAMPLE = ROOT / "tests" / "plugin_example"
_PAGE = ROOT / "docs" / "writing-a-job.md"


def pages() -> list[Page]:
    """The job, and the part of its package that makes it known."""
    job = (_EXAMPLE / "src" / "maint_example" / "drafts.py").read_text("utf-8")
    package = (_EXAMPLE / "pyproject.toml").read_text("utf-8")
    known = package[package.index("[project]") : package.index("[tool.")]
    return [
        Page(_PAGE, f"```python\n{job.strip()}\n```", "example job"),
        Page(_PAGE, f"```toml\n{known.strip()}\n```", "example package"),
    ]
