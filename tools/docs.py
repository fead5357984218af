"""Make the generated parts of the documentation, or check that all of it is true.

`python tools/docs.py` writes docs/commands.md, docs/exit-codes.md, docs/jobs.md, tables in
README.md and docs/sweeping-reference.md, and the example in docs/writing-a-job.md. With `--check`
it changes nothing, says what is stale, broken or wrong, and exits with 1.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from manual import codes, commands, example, figures, jobs, links, spoken
from manual.page import ROOT, Page


def pages() -> list[Page]:
    """Everything that is generated."""
    return [
        commands.page(),
        codes.page(),
        jobs.page(),
        jobs.overview(),
        codes.codes(),
        figures.page(),
        *example.pages(),
    ]


def complaints() -> Iterator[str]:
    """A sentence for everything that is not true."""
    for page in pages():
        try:
            if page.is_stale():
                yield f"{page.name} is not what the code says; run: python tools/docs.py"
        except ValueError as error:
            yield str(error)
    for path in written():
        name = path.relative_to(ROOT).as_posix()
        yield from links.broken(path, name)
        yield from spoken.wrong(path, name)


def written() -> list[Path]:
    """The documentation."""
    top = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")
    return [*(ROOT / name for name in top), *sorted((ROOT / "docs").rglob("*.md"))]


def main(arguments: list[str]) -> int:
    """Write, or check; the exit code."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write(f"{__doc__}")
        return 2
    if not arguments:
        for page in pages():
            page.write()
        return 0
    found = list(dict.fromkeys(complaints()))
    sys.stderr.writelines(f"{sentence}\n" for sentence in found)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
