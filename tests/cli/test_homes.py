"""Where a command leads, and whether a service of systemd can go there"""

import os
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from maintcli.cli.render_options import service_fault as fault
from maintcli.schedules.targets import systemd as unit
from tests.parts.folders import short_folder
from tests.parts.inside import Inside


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """A folder that everybody may enter, with a home and an /opt in it."""
    with short_folder() as folder:
        for name in ("home/u/bin", "opt/bin"):
            (folder / name).mkdir(parents=True)
        for one in (folder, *folder.rglob("*")):
            one.chmod(0o755)
        monkeypatch.setattr(unit, "_HOMES", (str(folder / "home"),))
        yield folder


def script(path: Path, *lines: str) -> str:
    """An executable file of these lines."""
    path.write_text("".join(f"{line}\n" for line in lines))
    path.chmod(0o755)
    return str(path)


def test_what_is_not_in_a_home_is_no_trouble(machine: Path) -> None:
    """A script, a program, a link from one to the other, and what is on another machine."""
    command = script(machine / "opt/bin/maint", "#!/usr/bin/python3")
    (machine / "opt/maint").symlink_to("bin/maint")
    for one in (command, str(machine / "opt/maint"), "/no/such/file", "/bin/sh"):
        assert fault(one) == ""


def test_a_link_into_a_home_is_followed(machine: Path) -> None:
    """As with `ln -s`, also over a second link, or where a folder is one."""
    script(machine / "home/u/bin/maint", "#!/usr/bin/python3")
    link, folder = machine / "opt/bin/maint", machine / "opt/venv"
    link.symlink_to("../../home/u/bin/maint")
    (machine / "opt/again").symlink_to(link)
    folder.symlink_to(machine / "home/u")
    hidden = f" leads to {machine}/home/u/bin/maint, which ProtectHome=yes hides"
    for command in (link, machine / "opt/again", folder / "bin/maint"):
        assert fault(str(command)) == f"{command}{hidden}"


@pytest.mark.parametrize(
    "lines", [("#!{python}",), ("#!/bin/sh", '\'\'\'exec\' "{python}" "$0" "$@"', "' '''")]
)
def test_the_python_of_a_script_is_looked_at(machine: Path, lines: tuple[str, ...]) -> None:
    """It may be a link of a virtual environment that leads to a Python in a home."""
    script(machine / "home/u/bin/python3", "")
    python = machine / "opt/bin/python"
    python.symlink_to(machine / "home/u/bin/python3")
    text = [line.format(python=python) for line in lines]
    command = script(machine / "opt/bin/maint", *text)
    assert f"leads to {machine}/home/u/bin/python3, which" in fault(command)


def test_a_checkout_that_is_only_linked_is_looked_at(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pip install --editable leaves the package where it is."""
    first = (
        f"#!/bin/sh\n'''exec' \"{sys.executable}\" \"$0\" \"$@\"\n' '''"  # as pip does for spaces
    )
    command = script(machine / "opt/bin/maint", first)
    monkeypatch.setattr("maintcli.__file__", str(machine / "home/u/maint/__init__.py"))
    assert "/home/u/maint/__init__.py, which ProtectHome=yes hides" in fault(command)


def test_a_home_that_is_closed_is_said(machine: Path, inside: Inside) -> None:
    """The unit may see it, but its user may not enter; an open one will do."""
    command = script(machine / "home/u/bin/maint", "#!/usr/bin/python3")
    assert fault(command) == ""
    (machine / "home/u").chmod(0o750)
    assert f"/bin/maint is in {machine}/home/u, into which the service's own" in fault(command)
    (inside.folder / "maint.toml").write_text('jobs = ["cleanup-sessions"]\n')
    render = ("schedule", "render", "--target", "systemd", "--command", command)
    result = inside(*render, "--output", "units")
    assert (result.code, "maint: systemd: command: " in result.err) == (0, True)
    assert inside(*render, "--strict").code == 65
    check = ("schedule", "check", "--target", "systemd", "--output", "units", "--no-ledger")
    assert inside(*check, "--command", command).code == 0


def test_a_command_that_cannot_be_followed_hides_nothing(tmp_path: Path) -> None:
    """A circle of links, a name that no file has, a pipe that would keep us waiting."""
    circle, pipe = tmp_path / "circle", tmp_path / "pipe"
    circle.symlink_to(circle)
    os.mkfifo(pipe)
    for path in (circle, pipe, tmp_path / ("c" * 400), tmp_path / "pipe" / "below"):
        assert fault(str(path)) == ""
