"""Packages with jobs, installed offline into a folder of the test's own."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from shutil import copytree

EXAMPLE = Path(__file__).parents[1] / "plugin_example"


def install_example(target: Path) -> None:
    """Put the example package into `target`, with the metadata that its pyproject.toml declares."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text("utf-8"))["project"]
    copytree(EXAMPLE / "src", target, dirs_exist_ok=True)
    _metadata(target, project["name"], project["version"], project["entry-points"])


def install(target: Path, name: str, jobs: Mapping[str, str], **modules: str) -> None:
    """Put a package called `name` into `target`: its jobs, and its modules' text."""
    install_points(target, name, {"maint.jobs": jobs}, **modules)


def install_points(
    target: Path, name: str, groups: Mapping[str, Mapping[str, str]], **modules: str
) -> None:
    """The same with entry points of any group."""
    target.mkdir(parents=True, exist_ok=True)
    for module, text in modules.items():
        (target / f"{module}.py").write_text(text, "utf-8")
    _metadata(target, name, "1.0.0", groups)


def _metadata(
    target: Path, name: str, version: str, groups: Mapping[str, Mapping[str, str]]
) -> None:
    folder = target / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    for group, points in groups.items():
        lines = "".join(f"{point} = {place}\n" for point, place in points.items())
        with (folder / "entry_points.txt").open("a") as file:
            file.write(f"[{group}]\n{lines}")
