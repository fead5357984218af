"""What `pip install maintcli` brings."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names of the files in the wheel."""
    pytest.importorskip("hatchling", reason="hatchling is not installed: pip install hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (found,) = folder.glob("maintcli-*.whl")
    with ZipFile(found) as archive:
        return archive.namelist()


def test_the_wheel_holds_all_that_the_source_holds(wheel: list[str]) -> None:
    """The types' marker and the SQL, too, and no file that is not ours."""
    files = (path for path in (ROOT / "src").rglob("*") if path.is_file())
    # Other tests compile meanwhile, and Python writes to a file of another name first.
    ours = (path for path in files if path.parent.name != "__pycache__")
    source = {path.relative_to(ROOT / "src").as_posix() for path in ours}
    packed = {name for name in wheel if not name.partition("/")[0].endswith(".dist-info")}
    assert packed == source
    assert {"maintcli/py.typed", "maintcli/db/sql/0001_runs.sql"} <= packed


def test_the_wheel_brings_the_licence_and_the_command(wheel: list[str]) -> None:
    """Beside the metadata that every wheel has."""
    own = {name.partition("/")[2] for name in wheel if ".dist-info/" in name}
    assert {"licenses/LICENSE", "entry_points.txt", "METADATA"} <= own
