"""Who started this run, and where: found from the environment, never asked for."""

import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

_SIGNS = (
    ("GITHUB_ACTIONS", "github"),
    ("KUBERNETES_SERVICE_HOST", "kubernetes"),
    ("RAILWAY_ENVIRONMENT_ID", "railway"),
    ("RENDER", "render"),
    ("INVOCATION_ID", "systemd"),
)


def origin(environ: Mapping[str, str]) -> str:
    """cron, github, kubernetes, systemd, railway, render, or manual; MAINT_ORIGIN overrides."""
    if named := environ.get("MAINT_ORIGIN"):
        return named[:40]
    # Before the others: a cron daemon may itself be a systemd service and hand on its variables.
    if _below_cron():
        return "cron"
    return next((name for variable, name in _SIGNS if environ.get(variable)), "manual")


def runner_id(environ: Mapping[str, str]) -> str:
    """JOB_RUNNER_ID, else the host's name."""
    return environ.get("JOB_RUNNER_ID") or socket.gethostname()


def scheduled_for(environ: Mapping[str, str]) -> datetime | None:
    """MAINT_SCHEDULED_FOR (ISO 8601), which our Kubernetes manifests fill in; else unknown."""
    try:
        when = datetime.fromisoformat(environ.get("MAINT_SCHEDULED_FOR", ""))
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _below_cron() -> bool:
    pid = os.getppid()
    for _ in range(4):
        try:
            name, _, rest = Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(")")
        except OSError:
            return False
        if name.lower() in {"cron", "crond"}:
            return True
        pid = int(rest.split()[1])
    return False
