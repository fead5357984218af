"""docs/performance.md: measured sections between marks, the words around them left alone."""

from pathlib import Path

from bench.report import Section

PATH = Path(__file__).parent.parent / "docs" / "performance.md"
_START = """# Performance

Written by `make bench`; what is not reached, and why, is said by hand at the end. All figures are
ratios of medians over interleaved rounds of one run on one machine.
"""


def write(section: Section, circumstances: str, path: Path = PATH) -> None:
    """Put `section` in the place of its last version, or at the end."""
    text = path.read_text("utf-8") if path.exists() else _START
    begin, end = (f"<!-- bench {section.name}: {word} -->" for word in ("begin", "end"))
    block = f"{begin}\n{section.markdown(circumstances)}\n{end}"
    if begin in text and end in text:
        before, _, rest = text.partition(begin)
        text = before + block + rest.partition(end)[2]
    else:
        text = f"{text.rstrip()}\n\n{block}\n"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
