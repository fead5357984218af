"""Kubernetes: a Kustomize base with one CronJob per expression of each entry."""

from maintcli.schedules.targets.kubernetes.base import render
from maintcli.schedules.targets.kubernetes.once import from_deployed, one_off

__all__ = ["from_deployed", "one_off", "render"]
