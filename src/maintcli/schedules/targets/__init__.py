"""Every target by name, as strings: a scheduler's module is imported when it is rendered."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import NamedTuple, cast

from maintcli.schedules.entry import Entry, Found, Rendered, Settings

Render = Callable[[Sequence[Entry], Settings], Rendered]
Parse = Callable[[Mapping[str, str]], list[Found]]


class Target(NamedTuple):
    """Where a target's code is, and the folder of a project to which its files belong.

    `patterns` are the names, below that folder, of files that go when their entry goes.
    """

    module: str
    folder: str
    summary: str
    patterns: tuple[str, ...] = ()

    @property
    def render(self) -> Render:
        """From entries to files."""
        return cast("Render", import_module(self.module).render)

    @property
    def parse(self) -> Parse:
        """From files, by their path, to what stands in them."""
        return cast("Parse", import_module(self.module).parse)


def _target(name: str, folder: str, summary: str, *patterns: str) -> Target:
    return Target(f"{__name__}.{name}", folder, summary, patterns)


TARGETS: dict[str, Target] = {
    "crontab": _target(
        "crontab",
        "deploy",
        "A crontab, of a user or for /etc/cron.d.",
        "crontab.example",
        "maint.cron",
    ),
    "github": _target(
        "github", ".github/workflows", "One workflow of GitHub Actions.", "maintenance.yml"
    ),
    "kubernetes": _target(
        "kubernetes", "deploy/kubernetes", "A Kustomize base with CronJobs.", "*.yaml"
    ),
    "systemd": _target(
        "systemd",
        "deploy/systemd",
        "A service and a timer for each entry.",
        "maint-*.service",
        "maint-*.timer",
    ),
    "railway": _target(
        "railway",
        "deploy",
        "A railway.toml for each service.",
        "railway.toml",
        "railway/*.toml",
        "railway/Dockerfile",
    ),
    "render": _target(
        "render", "deploy", "A render.yaml with cron jobs.", "render.yaml", "render/Dockerfile"
    ),
}
