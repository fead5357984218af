"""Every target by name, as strings: the module of a scheduler is imported when it is rendered."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Final, NamedTuple, cast

from maintcli.config.scheduler import Settings
from maintcli.schedules.model import Entry, Rendered

Render = Callable[[Sequence[Entry], Settings], Rendered]


class Target(NamedTuple):
    """The module that renders a target, and the folder of a project to which its files belong.

    `patterns` match, below that folder, the files that are removed when their entry is gone.
    """

    module: str
    folder: str
    patterns: tuple[str, ...]

    @property
    def render(self) -> Render:
        """From entries to files."""
        return cast("Render", import_module(f"{__name__}.{self.module}").render)


TARGETS: Final[dict[str, Target]] = {
    "crontab": Target("crontab", "deploy", ("crontab.example", "maint.cron")),
    "github": Target("github", ".github/workflows", ("maintenance.yml",)),
    "kubernetes": Target("kubernetes.base", "deploy/kubernetes", ("*.yaml",)),
    "systemd": Target("systemd", "deploy/systemd", ("maint-*.service", "maint-*.timer")),
    "railway": Target(
        "railway", "deploy", ("railway.toml", "railway/*.toml", "railway/Dockerfile")
    ),
    "render": Target("render", "deploy", ("render.yaml", "render/Dockerfile")),
}
