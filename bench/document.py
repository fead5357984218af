"""docs/performance.md: measured sections between marks, the words around them left alone."""

from pathlib import Path

from bench.report import MISSED, Section, Table

PATH = Path(__file__).parent.parent / "docs" / "performance.md"
_START = """# Performance

Written by `make bench`; what is not reached, and why, is said by hand at the end. All figures are
ratios of medians over interleaved rounds of one run on one machine.
"""


def write(section: Section, circumstances: str, path: Path = PATH) -> None:
    """Put `section` in the place of its last version, or at the end; list anew what is missed."""
    text = path.read_text("utf-8") if path.exists() else _START
    text = _put(text, section.name, section.markdown(circumstances))
    path.parent.mkdir(exist_ok=True)
    path.write_text(_put(text, "missed", missed(text)), "utf-8")


def missed(text: str) -> str:
    """Every budget that a section of `text` says is missed, as one table."""
    rows: list[tuple[str, ...]] = []
    title = ""
    for line in text.splitlines():
        if line.startswith("## "):
            title = line.removeprefix("## ")
        cells = tuple(line.strip("| ").split(" | "))
        if cells[-1] == MISSED:
            rows.append((f"{title}: {cells[0]}", *cells[1:-1]))
    return Table(("missed", "wanted", "measured"), rows).markdown() if rows else "Nothing."


def _put(text: str, name: str, block: str) -> str:
    begin, end = (f"<!-- bench {name}: {word} -->" for word in ("begin", "end"))
    marked = f"{begin}\n{block}\n{end}"
    if begin in text and end in text:
        before, _, rest = text.partition(begin)
        return before + marked + rest.partition(end)[2]
    return f"{text.rstrip()}\n\n{marked}\n"
