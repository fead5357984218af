"""JSON for programs: one object or list, UTF-8, a line."""

import json
from datetime import datetime
from typing import Any


def as_json(data: Any) -> str:
    """`data` as one line; times in UTC as ISO 8601; nothing in it is a command to GitHub."""
    text = json.dumps(data, default=_plain, ensure_ascii=False)
    return text.replace("##[", "\\u0023#[") + "\n"


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return str(value)
