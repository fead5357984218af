"""Reads a backend's answer: its status, whether it says that all was done, and its figures."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urljoin

from maintcli.errors import Fail, MissingPrivilege, Unreachable
from maintcli.services import address as addresses

if TYPE_CHECKING:
    from maintcli.runtime.log import Log
    from maintcli.services.address import Address
    from maintcli.services.http import Answer

# Retryable statuses.
_LATER: Final = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}
_DENIED: Final = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_DURATION: Final = re.compile(r"\d{1,9}(\.\d{1,9})? ?[a-zµ]{0,8}")


_UNCLEAR: Final = (
    "{key} in the answer is not {kind}, so it is unknown whether all was done; let the backend"
    ' answer e.g. {{"{key}": {example}}}.'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggered:
    """The backend's answer; `processed`, `failed` and `duration` are its own figures, or None."""

    status: int
    processed: int | None = None
    failed: int | None = None
    duration: int | float | str | None = None


def check_status(answer: "Answer", address: "Address", login: str) -> None:
    """Raise unless the status is a 2xx. `login` is what was sent, for the message."""
    code = answer.status
    if 200 <= code < 300:
        return
    status = _named(code)
    if code in _DENIED:
        # 77, as for a password that the database refuses. Whether our settings are wrong (78), or
        # the backend's, cannot be told from here.
        raise MissingPrivilege(
            f"{address} answered {status}: it refused {login}. Check that both sides have the same"
            " secret."
        )
    if code in _LATER or code >= 500:
        raise Unreachable(
            f"{address} answered {status}{_later(answer.headers)}; the next run tries again."
        )
    if 300 <= code < 400 and "location" in answer.headers:
        location = _location(address, answer.headers["location"])
        raise Fail(
            f"{address} answered {status}, which points to {location}; nothing was sent there. If"
            " that is the right address, set it as the url."
        )
    raise Fail(f"{address} answered {status}.")


def _named(status: int) -> str:
    """The status with its standard name: a server's own could be any text."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status}"


def read(answer: "Answer", address: "Address", log: "Log") -> Triggered:
    """The figures in the content. Raises Fail unless it is clear whether all was done."""
    found = _content(answer, log)
    _check_success(answer, address, found)
    processed, failed = (_count(found.get(key)) for key in ("processed", "failed"))
    if failed is None and found.get("failed") is not None:
        raise Fail(_UNCLEAR.format(key="failed", kind="a whole number", example=0))
    if processed is None and found.get("processed") is not None:
        log.warn("processed in the answer is not a whole number; it was not read")
    return Triggered(
        status=answer.status,
        processed=processed,
        failed=failed,
        duration=_duration(found.get("duration")),
    )


def _check_success(answer: "Answer", address: "Address", found: Mapping[str, object]) -> None:
    """Raise Fail if the content of a 2xx says that it failed, or is not clear."""
    said = {key: found[key] for key in ("success", "ok") if found.get(key) is not None}
    for key, value in said.items():
        if value is False:
            raise Fail(
                f"{address} answered {_named(answer.status)}, but its content says that it failed."
            )
        if value is not True:
            raise Fail(_UNCLEAR.format(key=key, kind="true or false", example="true"))


def _content(answer: "Answer", log: "Log") -> Mapping[str, object]:
    """The JSON object of the answer; empty for any other content, which is allowed."""
    import json

    if not answer.is_whole:
        log.warn("the answer is longer than 64 KiB; its figures were not read")
        return {}
    try:
        found = json.loads(answer.body, parse_int=_integer)
    except (ValueError, RecursionError):
        if answer.body.strip():
            log.debug("the answer is not JSON, so it has no figures")
        return {}
    return cast("dict[str, object]", found) if isinstance(found, dict) else {}


def _integer(digits: str) -> int | float:
    """A number; a float for more digits than Python converts, which would refuse the answer."""
    return int(digits) if len(digits) < 20 else float(digits)


def _count(value: object) -> int | None:
    """A whole number, also as text or as `2.0`, or the length of a list."""
    if isinstance(value, list):
        return len(cast("list[object]", value))
    if isinstance(value, str) and value.isdecimal() and value.isascii() and len(value) < 16:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value < 10**15 and value == int(value) else None


def _duration(value: object) -> int | float | str | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 10**15:
        return value
    return value if isinstance(value, str) and _DURATION.fullmatch(value) else None


def _later(headers: Mapping[str, str]) -> str:
    """The Retry-After of the answer (RFC 9110, 10.2.3), if it is in seconds."""
    wanted = headers.get("retry-after", "").strip()
    return f" (retry after {wanted} s)" if re.fullmatch(r"\d{1,9}", wanted) else ""


def _location(address: "Address", text: str) -> str:
    """Without user, password, path and query."""
    try:
        return str(addresses.read(urljoin(address.url, text)))
    except ValueError:
        return "an address that is not an HTTP URL"
