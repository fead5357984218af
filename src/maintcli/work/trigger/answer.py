"""What a backend's answer means."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urljoin

from maintcli.errors import Elsewhere, NotDone, TurnedAway, Unwell
from maintcli.services import address as addresses

if TYPE_CHECKING:
    from maintcli.runtime.log import Log
    from maintcli.services.address import Address
    from maintcli.services.http import Answer

# The same another time may well be answered otherwise.
_LATER: Final = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}
_AWAY: Final = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_DURATION: Final = re.compile(r"\d{1,9}(\.\d{1,9})? ?[a-zµ]{0,8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggered:
    """How the backend answered; `processed`, `failed` and `duration` as it says, where it does."""

    status: int
    processed: int | None = None
    failed: int | None = None
    duration: int | float | str | None = None


def check(answer: "Answer", address: "Address", login: str) -> None:
    """Raise for everything but a 2xx."""
    code = answer.status
    if 200 <= code < 300:
        return
    status = named(code)
    if code in _AWAY:
        # 77, as where the database takes no password: somebody has to grant something. That the
        # settings are wrong (78) nobody knows from here; the backend's may be.
        raise TurnedAway(url=address, status=status, login=login)
    if code in _LATER or code >= 500:
        raise Unwell(url=address, status=status, later=_later(answer.headers))
    if 300 <= code < 400 and "location" in answer.headers:
        location = _location(address, answer.headers["location"])
        raise Elsewhere(url=address, status=status, location=location)
    raise NotDone(url=address, status=status)


def named(status: int) -> str:
    """The status with its usual name: a server's own might hold anything."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status}"


def figures(answer: "Answer", found: Mapping[str, object], log: "Log") -> Triggered:
    """Those that the content has."""
    return Triggered(
        status=answer.status,
        processed=_count("processed", found, log),
        failed=_count("failed", found, log),
        duration=_duration(found.get("duration")),
    )


def says_no(found: Mapping[str, object]) -> bool:
    """Whether a 2xx says in its content that nothing came of it."""
    return found.get("success", found.get("ok")) is False


def content(answer: "Answer", log: "Log") -> Mapping[str, object]:
    """The JSON object that came; an empty one where it is none, which is no fault."""
    import json

    if not answer.is_whole:
        log.warn("the answer is longer than 64 KiB; its figures were not read")
        return {}
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        if answer.body.strip():
            log.debug("the answer is no JSON, so it has no figures")
        return {}
    return cast("dict[str, object]", found) if isinstance(found, dict) else {}


def _count(key: str, found: Mapping[str, object], log: "Log") -> int | None:
    """A number, or the length of a list of what it was."""
    value = found.get(key)
    if value is None:
        return None
    if isinstance(value, list):
        return len(cast("list[object]", value))
    if isinstance(value, str) and value.isdecimal() and value.isascii() and len(value) < 16:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**15:
        return value
    log.warn(f"{key} in the answer is no number; it was not read")
    return None


def _duration(value: object) -> int | float | str | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 10**15:
        return value
    return value if isinstance(value, str) and _DURATION.fullmatch(value) else None


def _later(headers: Mapping[str, str]) -> str:
    """When it wants to be asked again (RFC 9110, 10.2.3), where it says so in seconds."""
    wanted = headers.get("retry-after", "").strip()
    return f" and asks for {wanted} s of rest" if re.fullmatch(r"\d{1,9}", wanted) else ""


def _location(address: "Address", text: str) -> str:
    """Without user, password and query."""
    try:
        return str(addresses.read(urljoin(f"{address}".partition("?")[0], text)))
    except ValueError:
        return "what is no URL of ours to follow"
