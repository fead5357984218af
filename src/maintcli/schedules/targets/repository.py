"""Schedulers that start from a repository: its maint.toml, and a Dockerfile that has maint.

Railway and Render build the Dockerfile where the repository is not that of maint.
"""

import shlex
from collections.abc import Iterable
from string import Template
from typing import Final

from maintcli.config.scheduler import Settings
from maintcli.schedules.model import Note
from maintcli.schedules.targets.text import header

_ROOT: Final = "deploy"  # where these targets write; a platform counts from the repository's root
_FROM_IMAGE: Final = Template("FROM $image\n")
_BY_PIP: Final = Template("""\
FROM $base
RUN pip install --no-cache-dir --root-user-action=ignore $install
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
""")
_SETTINGS: Final = "COPY maint.toml /etc/maint/\n"
_END: Final = """\
WORKDIR /etc/maint
USER 65532:65532
# The platform says the whole command, which begins with maint.
ENTRYPOINT []
"""


def is_needed(settings: Settings) -> bool:
    """Whether maint comes from elsewhere than from the repository itself."""
    return bool(settings.install or settings.image)


def missing(settings: Settings) -> Iterable[Note]:
    """What is wanted before anything can be rendered for another repository than that of maint."""
    if not settings.is_home and not is_needed(settings):
        what = "this is not the repository of maint, so say where maint comes from"
        near = '[schedule] install = "git+https://…@COMMIT" or "maintcli==…", or image = "…"'
        yield Note("install", what, near)


def path(target: str) -> str:
    """Where it is, from the root of the repository."""
    return f"{_ROOT}/{_name(target)}"


def dockerfile(settings: Settings, target: str) -> dict[str, str]:
    """The file by its path below the target's folder; none where the repository has its own."""
    if not is_needed(settings):
        return {}
    if settings.install:
        base = "python:3.13" if settings.install.startswith("git+") else "python:3.13-slim"
        begin = _BY_PIP.substitute(base=base, install=shlex.quote(settings.install))
    else:
        begin = _FROM_IMAGE.substitute(image=settings.image)
    head = header(_name(target), target)
    return {_name(target): f"{head}\n{begin}{_SETTINGS if settings.config else ''}{_END}"}


def _name(target: str) -> str:
    return f"{target}/Dockerfile"


def misplaced(settings: Settings) -> Iterable[Note]:
    """That the settings are not where a run will look for them: at the root of the repository."""
    if settings.elsewhere:
        what = f"the jobs read maint.toml at the root of the repository, not {settings.elsewhere}"
        yield Note("maint.toml", what, "copy it there, or they run with their defaults")
