"""The table of figures in docs/sweeping-reference.md."""

from manual.page import ROOT, Page, code, table

from maintcli.engines.base.figures import FIGURES, label


def page() -> Page:
    """The table as engines/base/figures.py has it."""
    rows = [(code(name), label(name), figure.meaning) for name, figure in FIGURES.items()]
    columns = ("figure", "in words", "meaning")
    return Page(ROOT / "docs" / "sweeping-reference.md", table(columns, rows), "figures")
