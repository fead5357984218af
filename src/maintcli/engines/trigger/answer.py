"""What a backend's answer means."""

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

# The same another time may well be answered otherwise.
_LATER: Final = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}
_AWAY: Final = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_DURATION: Final = re.compile(r"\d{1,9}(\.\d{1,9})? ?[a-zµ]{0,8}")


_UNCLEAR: Final = (
    "{key} in the answer is not {kind}, so it is unknown whether all was done; let the backend"
    ' answer e.g. {{"{key}": {example}}}.'
)


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
        raise MissingPrivilege(
            f"{address} answered {status}: it does not take {login}. Check that both sides hold the"
            " same."
        )
    if code in _LATER or code >= 500:
        raise Unreachable(
            f"{address} answered {status}{_later(answer.headers)}; the next run tries again."
        )
    if 300 <= code < 400 and "location" in answer.headers:
        location = _location(address, answer.headers["location"])
        raise Fail(
            f"{address} answered {status}, which points to {location}; nothing was sent there. If"
            " that is the right place, write it into the url."
        )
    raise Fail(f"{address} answered {status}.")


def named(status: int) -> str:
    """The status with its usual name: a server's own might hold anything."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status}"


def figures(answer: "Answer", found: Mapping[str, object], log: "Log") -> Triggered:
    """Those that the content has. Raises Fail where it cannot be told how many failed."""
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


def check_success(answer: "Answer", address: "Address", found: Mapping[str, object]) -> None:
    """Raise Fail where a 2xx says in its content that it was none, or does not say it clearly."""
    said = {key: found[key] for key in ("success", "ok") if found.get(key) is not None}
    for key, value in said.items():
        if value is False:
            raise Fail(f"{address} answered {named(answer.status)}, but without success.")
        if value is not True:
            raise Fail(_UNCLEAR.format(key=key, kind="true or false", example="true"))


def content(answer: "Answer", log: "Log") -> Mapping[str, object]:
    """The JSON object that came; an empty one where it is none, which is no fault."""
    import json

    if not answer.is_whole:
        log.warn("the answer is longer than 64 KiB; its figures were not read")
        return {}
    try:
        found = json.loads(answer.body, parse_int=_integer)
    except (ValueError, RecursionError):
        if answer.body.strip():
            log.debug("the answer is no JSON, so it has no figures")
        return {}
    return cast("dict[str, object]", found) if isinstance(found, dict) else {}


def _integer(digits: str) -> int | float:
    """As float() where Python would refuse so many digits, and with them the whole answer."""
    return int(digits) if len(digits) < 20 else float(digits)


def _count(value: object) -> int | None:
    """A whole number, also as text or as `2.0`, or the length of a list of what it was."""
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
    """When it wants to be asked again (RFC 9110, 10.2.3), where it says so in seconds."""
    wanted = headers.get("retry-after", "").strip()
    return f" and asks for {wanted} s of rest" if re.fullmatch(r"\d{1,9}", wanted) else ""


def _location(address: "Address", text: str) -> str:
    """Without user, password, path and query."""
    try:
        return str(addresses.read(urljoin(address.url, text)))
    except ValueError:
        return "what is no URL of ours to follow"
