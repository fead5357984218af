"""JSON for programs: one object or list, UTF-8, a line."""

import json
from datetime import datetime
from typing import Any


def as_json(data: Any) -> str:
    """`data` as one line; times as ISO 8601 in UTC."""
    return json.dumps(data, default=_plain, ensure_ascii=False) + "\n"


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return str(value)
