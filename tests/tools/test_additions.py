"""docs/architecture.md: who touches the files that it names has added what it promises.

Each test works on a copy of the source, and changes exactly the files that the page lists.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
PACKAGE = "src/maintcli"
ELSEWHERE = ("tests/", "docs/")

Edit = Callable[[str], str]


def section(heading: str) -> str:
    """The text under `heading`."""
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def listed(heading: str, name: str) -> list[str]:
    """The files that the page lists there, `name` for NAME, by their paths in the checkout."""
    found = [
        one.replace("NAME", name)
        for one in re.findall(r"^- `([^`]+)`:", section(heading), re.MULTILINE)
    ]
    inside = (*ELSEWHERE, "pyproject.toml")
    return [one if one.startswith(inside) else f"{PACKAGE}/{one}" for one in found]


def new(text: str) -> Edit:
    """A file that was not there."""

    def edit(before: str) -> str:
        assert not before
        return text

    return edit


def swap(old: str, text: str) -> Edit:
    """`text` in the one place of `old`."""

    def edit(before: str) -> str:
        assert before.count(old) == 1, old
        return before.replace(old, text)

    return edit


def after(line: str, more: str) -> Edit:
    """`more` behind the one place that has `line`."""
    return swap(line, line + more)


def both(*edits: Edit) -> Edit:
    """One after the other."""

    def edit(before: str) -> str:
        for one in edits:
            before = one(before)
        return before

    return edit


class Copy:
    """A copy of the source, to be changed and run."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder / "copy"
        self.work = folder / "work"
        self.work.mkdir()
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "src", self.folder / "src", ignore=ignore)
        shutil.copy(ROOT / "pyproject.toml", self.folder)
        self.env = {
            **os.environ,
            "PYTHONPATH": str(self.folder / "src"),
            "DATABASE_URL": url,
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def follow(self, heading: str, name: str, edits: Mapping[str, Edit]) -> None:
        """Change the files under `heading`, each of them and no other."""
        paths = listed(heading, name)
        assert [one for one in paths if not one.startswith(ELSEWHERE)] == [*edits]
        for path in paths:
            if path.startswith(ELSEWHERE):
                assert (ROOT / path).is_file()
                continue
            file = self.folder / path
            file.write_text(edits[path](file.read_text("utf-8") if file.exists() else ""))

    def __call__(self, *words: str, code: int = 0) -> str:
        """What `maint WORDS` of the copy prints on standard output."""
        command = [sys.executable, "-m", "maintcli", *words]
        return self._run(command, self.work, code)

    def lint_imports(self) -> str:
        """What import-linter says of the copy."""
        program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
        return self._run([sys.executable, "-c", program, "--no-cache"], self.folder, 0)

    def _run(self, command: list[str], folder: Path, code: int) -> str:
        done = subprocess.run(
            command, cwd=folder, env=self.env, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def copy(tmp_path: Path, db: str) -> Copy:
    """One for each test."""
    return Copy(tmp_path, db)


JOB = '''"""maint count-sessions"""

from dataclasses import dataclass

from maintcli.api import {names}Run, job


@dataclass(frozen=True)
class Counted:
    session_count: int


@job(schedule=None, group="Sessions"{engine})
def count_sessions(run: Run) -> Counted:
    """Count sessions."""
    return Counted({count})
'''
LINE = '    ("cleanup-sessions", "Remove sessions that have stopped sending heartbeats.", "Sessions"),\n'


def job_edits(job: str) -> dict[str, Edit]:
    """What a job takes."""
    return {
        f"{PACKAGE}/jobs/count_sessions.py": new(job),
        f"{PACKAGE}/registry.py": after(
            LINE, '    ("count-sessions", "Count sessions.", "Sessions"),\n'
        ),
    }


def test_every_folder_is_described() -> None:
    """And every file beside them; what is described is there."""
    home = ROOT / PACKAGE
    there = {f"{one.parent.name}/" for one in home.glob("*/__init__.py")}
    there |= {one.name for one in home.glob("*.py")} - {"__init__.py"}
    text = section("The folders")
    folders = set(re.findall(r"^- `(\w+/)`", text, re.MULTILINE))
    files = set(re.findall(r"`(\w+\.py)`", text.partition("\nBeside them")[2]))
    assert folders | files == there


def test_a_job_is_added(copy: Copy) -> None:
    """It runs, is in --help, and reads the database."""
    query = 'int(run.query("SELECT count(*) FROM {tables.active_sessions}")[0][0])'
    job = JOB.format(names="", engine="", count=query)
    copy.follow("To add a job", "count_sessions", job_edits(job))
    assert '"session_count": 0' in copy("count-sessions", "--json")
    assert "count-sessions" in copy("--help")


def test_an_engine_is_added(copy: Copy) -> None:
    """A job declares it and gets its option; db check asks for its rights; the layers hold."""
    job = JOB.format(names="Counting, ", engine=", engine=Counting()", count="run.count()")
    copy.follow("To add a job", "count_sessions", job_edits(job))
    copy.follow(
        "To add an engine",
        "counting",
        {
            f"{PACKAGE}/engines/counting.py": new(
                '"""Counting sessions."""\n\n'
                "from maintcli.runtime.context import Context\n\n\n"
                "def count(context: Context) -> int:\n"
                '    """How many there are, at least."""\n'
                '    ((found,),) = context.session.read("SELECT count(*) FROM public.active_sessions")\n'
                '    return max(int(found), context.order.value("least"))\n'
            ),
            f"{PACKAGE}/engines/base/options.py": swap(
                "\nENGINES = (",
                "\nclass Counting(Engine):\n"
                '    """Counts."""\n\n'
                '    calls = ("count",)\n\n'
                "    @property\n"
                "    def options(self) -> tuple[Option, ...]:\n"
                '        return (Option(name="least", kind=Kind.INTEGER, default=0, help="x"),)\n\n\n'
                "ENGINES = (Counting, ",
            ),
            f"{PACKAGE}/api.py": both(
                after('\n    "Annotated",\n', '    "Counting",\n'),
                swap("import ENGINES, ", "import ENGINES, Counting, "),
                swap(
                    "\n    def query(\n",
                    "\n    def count(self) -> int:\n"
                    '        """Count."""\n'
                    '        self._expect("count")\n'
                    "        from maintcli.engines.counting import count\n\n"
                    "        return count(self._context)\n"
                    "\n    def query(\n",
                ),
            ),
            f"{PACKAGE}/engines/rights.py": lambda text: (
                text + "\n\ndef of_counting(context: Context) -> Iterator[Right]:\n"
                '    """What counting needs."""\n'
                '    yield Right("public", "active_sessions", "SELECT")\n'
            ),
            f"{PACKAGE}/cli/rights.py": swap(
                "\n    def query(",
                "\n    def count(self) -> Any:\n"
                "        raise _Told(rights.of_counting(self._context))\n"
                "\n    def query(",
            ),
            "pyproject.toml": swap('"erase | orphans"', '"counting | erase | orphans"'),
        },
    )
    assert '"session_count": 7' in copy("count-sessions", "--least", "7", "--json")
    (copy.work / "maint.toml").write_text('jobs = ["count-sessions"]\n')
    assert re.search(r"active_sessions +SELECT +nothing", copy("db", "check"))
    assert "0 broken" in copy.lint_imports()


def test_a_schedule_target_is_added(copy: Copy) -> None:
    """It is rendered with its option, and what its tool prints is compared."""
    copy.follow(
        "To add a schedule target",
        "paper",
        {
            f"{PACKAGE}/schedules/targets/paper.py": new(
                '"""On paper."""\n\n'
                "from collections.abc import Sequence\n\n"
                "from maintcli.config.scheduler import Settings\n"
                "from maintcli.schedules.model import Entry, Rendered\n\n\n"
                "def render(entries: Sequence[Entry], settings: Settings) -> Rendered:\n"
                '    """A line for each."""\n'
                '    lines = [f"{one.key} {one.expressions[0]} {settings.ink}\\n" for one in entries]\n'
                '    return Rendered({"paper.txt": "".join(lines)})\n'
            ),
            f"{PACKAGE}/schedules/targets/__init__.py": after(
                "TARGETS: Final[dict[str, Target]] = {\n",
                '    "paper": Target("paper", "deploy", ("paper.txt",)),\n',
            ),
            f"{PACKAGE}/config/scheduler.py": swap(
                "\n    # What is seen where the files are rendered:\n",
                '\n    ink: Annotated[str, Key("COLOUR", "paper: the colour.")] = "blue"\n'
                "    # What is seen where the files are rendered:\n",
            ),
            f"{PACKAGE}/cli/scheduler_cli.py": after(
                "_TOOLS: Final[dict[str, Callable[[list[str], Settings], Texts]]] = {\n",
                '    "paper": lambda rendered, settings: {"paper": settings.ink},\n',
            ),
            f"{PACKAGE}/schedules/check/deployed.py": after(
                "    match target:\n",
                '        case "paper":\n'
                '            found = [Finding(Kind.STALE, "paper", "it is red")]\n'
                '            return found if "red" in texts.values() else []\n',
            ),
        },
    )
    (copy.work / "maint.toml").write_text('jobs = ["cleanup-sessions"]\n')
    rendered = copy("schedule", "render", "--target", "paper", "--ink", "green")
    assert rendered == "cleanup-sessions */5 * * * * green\n"
    check = ("schedule", "check", "--target", "paper", "--ask", "--no-ledger")
    assert "All agree." in copy(*check)
    assert "it is red" in copy(*check, "--ink", "red", code=1)


def test_an_observer_is_added(copy: Copy) -> None:
    """It is told of a run, by itself where its variable is set."""
    copy.follow(
        "To add an observer",
        "notes",
        {
            f"{PACKAGE}/observers/notes.py": new(
                '"""Notes in a file."""\n\n'
                "from pathlib import Path\n\n"
                "from maintcli.config.observers import ObserverSettings\n"
                "from maintcli.runtime.report import Event, Observer\n\n\n"
                "def observer(settings: ObserverSettings) -> Observer:\n"
                '    """Write it down."""\n\n'
                "    def tell(event: Event) -> None:\n"
                '        with Path("notes").open("a") as file:\n'
                '            file.write(f"{event.report.job} {event.kind}\\n")\n\n'
                "    return tell\n"
            ),
            f"{PACKAGE}/observers/__init__.py": after(
                "_BUILT_IN: Final = {\n",
                '    "notes": _BuiltIn("maintcli.observers.notes:observer", "NOTES"),\n',
            ),
        },
    )
    (copy.work / "maint.toml").write_text("[observers.notes]\n")
    copy("cleanup-sessions")
    assert (copy.work / "notes").read_text() == "cleanup-sessions started\ncleanup-sessions ended\n"


def test_a_check_is_added(copy: Copy) -> None:
    """readyz makes it, and fails by it."""
    copy.follow(
        "To add a check",
        "moon",
        {
            f"{PACKAGE}/runtime/readyz.py": both(
                after(
                    "        *(_job(watch, job, given) for job in expected),\n",
                    "        _moon(watch),\n",
                ),
                lambda text: (
                    text + "\n\ndef _moon(watch: Watch) -> Check:\n"
                    '    return Check(name="moon", ok=not watch.beats, age_seconds=None,\n'
                    '        threshold_seconds=1.0, runner_id=None, note="it is new")\n'
                ),
            ),
        },
    )
    assert "moon: it is new" in copy("readyz")
    copy("cleanup-sessions")
    assert "STALE  moon" in copy("readyz", code=1)
