"""What the ledger records of a run from its first moment: its id, who started it, and where.

Who and where are found in the environment, never asked for.
"""

import os
import socket
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from maintcli import __version__
from maintcli.runtime.job import Job, Order
from maintcli.runtime.report import Report
from maintcli.runtime.shard import Membership, membership

_SIGNS = (
    ("GITHUB_ACTIONS", "github"),
    ("KUBERNETES_SERVICE_HOST", "kubernetes"),
    ("RAILWAY_ENVIRONMENT_ID", "railway"),
    ("RENDER", "render"),
    ("INVOCATION_ID", "systemd"),
)


class Entry(NamedTuple):
    """What the ledger keeps of a run from its first moment. `parameters` hold no secret."""

    job: str
    run_id: str
    origin: str
    scheduled_for: datetime | None
    host: str
    runner_id: str
    version: str
    config_hash: str
    parameters: Mapping[str, str]
    part: Membership | None = None


def entry(job: Job, order: Order, report: Report) -> Entry:
    """Of this run, as it begins."""
    return Entry(
        job=job.name,
        run_id=report.run_id,
        origin=origin(order.environ),
        scheduled_for=scheduled_for(order.environ),
        host=socket.gethostname(),
        runner_id=runner_id(order.environ),
        version=__version__,
        config_hash=order.config.hash,
        parameters=order.parameters(),
        part=membership(order.shard, order.environ, order.value("timeout").approx_seconds),
    )


def new_run_id() -> str:
    """A new run id, a UUID of version 7, so that ids are in the order of time (RFC 9562)."""
    head = f"{time.time_ns() // 1_000_000:012x}"
    tail = bytearray(os.urandom(10))
    tail[0] = 0x70 | tail[0] & 0x0F
    tail[2] = 0x80 | tail[2] & 0x3F
    text = head + tail.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


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
