"""A Dockerfile's instructions, done without Docker: the same shell steps in folders of a test's own."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class Instruction(NamedTuple):
    """One instruction, its line continuations joined."""

    name: str
    rest: str


def instructions(text: str) -> list[Instruction]:
    """All of them, in order."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(lines))
    split = (line.partition(" ") for line in joined.splitlines() if line.strip())
    return [Instruction(name, rest.strip()) for name, _, rest in split]


def stages(text: str) -> list[list[Instruction]]:
    """What follows each FROM, with it."""
    found: list[list[Instruction]] = []
    for one in instructions(text):
        if one.name == "FROM":
            found.append([])
        found[-1].append(one)
    return found


def build(stage: list[Instruction], context: Path, root: Path, env: Mapping[str, str]) -> None:
    """Do a stage with `root` for /: absolute paths in RUN below /opt and the WORKDIR are moved.

    COPY takes from `context`. A step that fails fails the test, with what it said.
    """
    workdir = root
    for name, rest in stage:
        if name == "WORKDIR":
            workdir = root / rest.strip("/")
            workdir.mkdir(parents=True, exist_ok=True)
        elif name == "COPY":
            *sources, target = rest.split()
            found = [path for source in sources for path in sorted(context.glob(source))]
            assert found, rest  # as Docker has it: one pattern may match nothing, all may not
            for path in found:
                _copy(path, workdir / target, into=target.endswith("/"))
        elif name == "RUN":
            moved = rest.replace("/opt/", f"{root}/opt/")
            step = subprocess.run(
                ["sh", "-c", moved],
                cwd=workdir,
                env=dict(env),
                check=False,
                capture_output=True,
                text=True,
            )
            assert step.returncode == 0, f"{rest}\n{step.stdout}{step.stderr}"
        else:
            assert name == "FROM", name


def _copy(source: Path, target: Path, *, into: bool) -> None:
    if source.is_dir():
        ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
        shutil.copytree(source, target, ignore=ignore, dirs_exist_ok=True)
        return
    place = target / source.name if into else target
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, place)
