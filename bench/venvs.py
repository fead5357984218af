"""Throwaway environments: the peers, and maint with the newest and the lowest Typer."""

import sys
from pathlib import Path

from bench.command import output
from bench.rounds import say

ROOT = Path(__file__).parent.parent
PACKAGES: dict[str, tuple[str, ...]] = {
    "maint": (str(ROOT),),
    "maint-lowest": (str(ROOT), "typer==0.20"),
    "django": ("django", "psycopg[binary]"),
    "procrastinate": ("procrastinate", "psycopg[binary]"),
}


def make(parent: Path, name: str) -> Path:
    """The folder of programs of the environment called `name`, made if it is missing.

    In one that is there, maint itself is put anew: the environment may be older than the code.
    """
    home = parent / name
    programs = home / "bin"
    install: list[str | Path] = [
        programs / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--compile",
    ]
    install.append("--disable-pip-version-check")
    if not home.exists():
        say(f"  making the environment {name}")
        output([sys.executable, "-m", "venv", home])
        output([*install, *PACKAGES[name]])
    elif str(ROOT) in PACKAGES[name]:
        output([*install, "--force-reinstall", "--no-deps", ROOT])
    return programs


def version(programs: Path, package: str) -> str:
    """The installed version of a package."""
    code = f"from importlib.metadata import version; print(version({package!r}))"
    return output([programs / "python", "-c", code]).strip()
