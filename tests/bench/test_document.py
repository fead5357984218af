"""docs/performance.md, where benchmarks put their sections."""

from pathlib import Path

from bench.report import Budget, Section

from bench import document


def _section(name: str, measured: float) -> Section:
    return Section(name, name.title(), "So.", [], [Budget("peak", measured, 80, unit="MiB")])


def test_a_section_takes_the_place_of_its_last_version(tmp_path: Path) -> None:
    """What stands around it stays, and the list of what is missed says what the sections say."""
    page = tmp_path / "performance.md"
    for name, measured in (("memory", 90), ("large", 95)):
        document.write(_section(name, measured), "Here.", page)
    page.write_text(page.read_text() + "\nWhy: by hand.\n")
    assert "| Memory: peak | ≤ 80 MiB | 90 MiB |" in page.read_text()
    document.write(_section("memory", 70), "There.", page)
    text = page.read_text()
    assert text.count("## Memory") == 1
    assert "Memory: peak" not in text
    assert "| Large: peak | ≤ 80 MiB | 95 MiB |" in text
    assert text.endswith("Why: by hand.\n")


def test_nothing_missed_is_said(tmp_path: Path) -> None:
    """An empty table would look like a mistake."""
    document.write(_section("memory", 70), "Here.", tmp_path / "performance.md")
    assert "missed: begin -->\nNothing.\n" in (tmp_path / "performance.md").read_text()
