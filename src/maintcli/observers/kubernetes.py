"""Kubernetes: one JSON line to the termination message, where `kubectl describe` shows it."""

import contextlib
import json
import os
from pathlib import Path

from maintcli.runtime.report import Report

_DEFAULT = "/dev/termination-log"
_MOST_BYTES = 4096  # the kubelet cuts there


def tell(report: Report) -> None:
    """Write the report; a file that is not there or not writable is nobody's failure."""
    line = json.dumps(report.as_dict(), default=str)
    if len(line.encode()) > _MOST_BYTES:
        cut = {"message": report.message[:1000], "statements": None, "warnings": None}
        short = {**report.as_dict(), **cut}
        line = json.dumps(short, default=str)
    path = Path(os.environ.get("MAINT_TERMINATION_LOG", _DEFAULT))
    with contextlib.suppress(OSError):
        if path.exists():
            path.write_text(line + "\n", encoding="utf-8")
