"""Kubernetes: one JSON line to the termination message, where `kubectl describe` shows it."""

import contextlib
import json
import os
from pathlib import Path

from maintcli.config.observers import ObserverSettings
from maintcli.runtime.report import Event, Observer, Report

_VARIABLE = "MAINT_TERMINATION_LOG"
_DEFAULT = "/dev/termination-log"
_MOST_BYTES = 4096  # the kubelet cuts there
_MESSAGE_BYTES = 3000  # of a message that is longer, so that what identifies the run fits, too


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
    with contextlib.suppress(OSError):
        if path.exists():
            path.write_bytes(_line(report))


def _line(report: Report) -> bytes:
    """The exit code and the message first, then as many of the report's other parts as fit."""
    message = _cut(report.message, _MESSAGE_BYTES)
    first = {"exit_code": int(report.exit_code), "message": message}
    kept, room = list[bytes](), _MOST_BYTES - len(b"{}\n")
    for name, value in {**first, **report.as_dict(), **first}.items():
        part = _json({name: value})[1:-1]
        if (size := len(part) + len(b", ")) <= room:
            kept.append(part)
            room -= size
    return b"{" + b", ".join(kept) + b"}\n"


def _cut(text: str, most: int) -> str:
    """As many whole characters as fit into `most` bytes, with a sign that some are missing."""
    if len(_json(text)) <= most:
        return text
    while (over := len(_json(f"{text}…")) - most) > 0:
        text = text[: -max(1, over // 4)]  # a character has up to 4 bytes
    return f"{text}…"


def _json(value: object) -> bytes:
    return json.dumps(value, default=str, ensure_ascii=False).encode(errors="replace")
