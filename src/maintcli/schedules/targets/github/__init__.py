"""GitHub Actions: one workflow, in which each entry is a job that its own cron selects."""

from maintcli.schedules.targets.github.found import parse
from maintcli.schedules.targets.github.workflow import FILE, render

__all__ = ["FILE", "parse", "render"]
