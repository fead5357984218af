"""Kubernetes: one JSON line to the termination message, where `kubectl describe` shows it."""

import contextlib
import json
import os
from pathlib import Path

from maintcli.config.observers import ObserverSettings
from maintcli.runtime.observe import Event, Observer
from maintcli.runtime.report import Report

_VARIABLE = "MAINT_TERMINATION_LOG"
_DEFAULT = "/dev/termination-log"
_MOST_BYTES = 4096  # the kubelet cuts there


def observer(settings: ObserverSettings) -> Observer:
    """Tells Kubernetes of ends, in `file`, else MAINT_TERMINATION_LOG."""
    settings.section.only(["enabled", "file"])
    named = settings.section.text("file")
    place = settings.base / named if named else Path(os.environ.get(_VARIABLE, _DEFAULT))

    def tell(event: Event) -> None:
        if event.kind != "started":
            _write(place, event.report)

    return tell


def _write(path: Path, report: Report) -> None:
    """Write the report; a file that is not there or not writable is nobody's failure."""
    line = json.dumps(report.as_dict(), default=str)
    if len(line.encode()) > _MOST_BYTES:
        cut = {"message": report.message[:1000], "statements": None, "warnings": None}
        short = {**report.as_dict(), **cut}
        line = json.dumps(short, default=str)
    with contextlib.suppress(OSError):
        if path.exists():
            path.write_text(line + "\n", encoding="utf-8")
