"""Standard output, whose reader may leave at any time; and JSON for programs."""

import json
import os
import sys
from datetime import datetime
from typing import Any, TextIO, cast

from maintcli.errors import Fail


def put(text: str) -> None:
    """Write `text` now. A reader who has left (`| head -1`) changes no exit code.

    Raises Fail when it cannot be written for another reason, such as a full disk.
    """
    stream = cast("TextIO | None", sys.stdout)
    if stream is None:  # started with standard output closed
        return
    try:
        stream.write(text)
        stream.flush()
    except UnicodeEncodeError:  # a terminal that does not speak UTF-8
        put("".join(c if c.isascii() else json.dumps(c)[1:-1] for c in text))
    except BrokenPipeError:
        _give_up(stream)
    except OSError as error:
        _give_up(stream)
        raise Fail(f"The output cannot be written: {error.strerror}.") from None


def on_terminal() -> bool:
    """Whether a person looks at standard output."""
    stream = cast("TextIO | None", sys.stdout)
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def _give_up(stream: TextIO) -> None:
    """Let what is left in the buffer go nowhere: it is written again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def as_json(data: Any) -> str:
    """`data` as one line; times in UTC as ISO 8601; nothing in it is a command to GitHub."""
    text = json.dumps(data, default=_plain, ensure_ascii=False)
    return text.replace("##[", "\\u0023#[") + "\n"


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return str(value)
