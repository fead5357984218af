"""Sends the one request of a trigger, with its secret."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from maintcli.config.triggers import Trigger
from maintcli.config.variables import Read
from maintcli.engines.trigger import answer as answers
from maintcli.engines.trigger.answer import Triggered
from maintcli.errors import ConfigError, Interrupted, Partial, Unsent
from maintcli.runtime.context import Context
from maintcli.runtime.log import Log
from maintcli.runtime.stop import Deadline
from maintcli.services import address as addresses
from maintcli.services.address import Address

if TYPE_CHECKING:
    from maintcli.services.http import Answer

_LAST_SECONDS: Final = 5.0  # of the timeout, to say how it ended
_LEAST_SECONDS: Final = 1.0  # for a last try, which begins after a pause
_PATIENCE_SECONDS: Final = 15.0  # for a backend that is just starting
_SHOWN: Final = {
    "cron-secret": "X-Cron-Secret from {secret}",
    "basic": "Basic authentication from {username} and {secret}",
    "bearer": "a bearer token from {secret}",
    "none": "no secret",
}


@dataclass(frozen=True, slots=True)
class WouldSend:
    """What a real run would do."""

    would_send: str


def trigger(context: Context, wanted: Trigger) -> Triggered | WouldSend:
    """POST to the backend, and raise unless it answers that all was done.

    The request is sent at most once; it is repeated only while no connection can be made.
    """
    address, who = _address(wanted), _login(wanted, context.log)
    left = context.deadline.left
    limit = Deadline(max(left - _LAST_SECONDS, left / 2), "the answer")
    if context.dry_run:
        words = f"POST {address} with {who.shown}"
        return WouldSend(f"{words}, and wait {limit.seconds:.0f} s for the answer")
    context.log.info(f"POST {address} with {who.shown}")
    return _send(context, address, who, limit)


def _address(wanted: Trigger) -> Address:
    """The address. Raises ConfigError, also where others could read the secret on its way."""
    origin = wanted.section.place("url")
    try:
        address = addresses.read(wanted.url())
    except ValueError as error:
        raise ConfigError(f"{origin}: {error}.") from None
    if wanted.auth != "none" and not (address.is_confidential or wanted.allow_http):
        reason = (
            f"http:// would show the secret to anyone on the way to {address.host}; use"
            " https://, or set allow-http = true if the network is your own"
        )
        raise ConfigError(f"{origin}: {reason}.")
    return address


class _Login(NamedTuple):
    """The headers, and where they come from, for messages."""

    headers: Mapping[str, str]
    shown: str

    def __repr__(self) -> str:
        return f"_Login({self.shown!r})"


def _login(trigger: Trigger, log: Log) -> _Login:
    """Read the secrets of `trigger`, which are never logged. Raises ConfigError."""
    if trigger.auth == "none":
        return _Login({}, _SHOWN["none"])
    secret = trigger.secret()
    username = trigger.username() if trigger.auth == "basic" else None
    text = _text(secret, log)
    shown = _SHOWN[trigger.auth].format(
        secret=secret.origin, username=username.origin if username else ""
    )
    if username is not None:
        return _Login({"Authorization": f"Basic {_basic(username, text, log)}"}, shown)
    if trigger.auth == "bearer":
        return _Login({"Authorization": f"Bearer {_plain(secret, text)}"}, shown)
    return _Login({"X-Cron-Secret": _plain(secret, text)}, shown)


def _text(read: Read, log: Log) -> str:
    """The secret itself, which the log masks from now on."""
    text = read.secret.reveal()
    log.hide(text)
    for warning in read.warnings:
        log.warn(warning)
    return text


def _plain(read: Read, text: str) -> str:
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ConfigError(
            f"{read.origin} has a character that a header cannot carry; use letters, digits and"
            " signs only (maint secret prints a new one)."
        )
    return text


def _basic(username: Read, password: str, log: Log) -> str:
    """Credentials as in RFC 7617."""
    from base64 import b64encode

    name = username.secret.reveal()
    if ":" in name:
        raise ConfigError(f"{username.origin} has a colon, which is not allowed in a user name.")
    token = b64encode(f"{name}:{password}".encode()).decode()
    log.hide(token)
    return token


def _send(context: Context, address: Address, who: _Login, limit: Deadline) -> Triggered:
    answer = _post(context, address, who, limit)
    context.counts["status"] = answer.status
    answers.check_status(answer, address, who.shown)
    result = answers.read(answer, address, context.log)
    context.counts |= asdict(result)
    if result.failed:
        raise Partial(f"The backend says that {result.failed} failed.")
    return result


def _post(context: Context, address: Address, who: _Login, limit: Deadline) -> "Answer":
    from maintcli.services.http import Client

    def attempt() -> "Answer":
        try:
            with context.stop.breaking(), Client() as client:
                return client.post(address, who.headers, seconds=max(limit.left, _LEAST_SECONDS))
        except Interrupted:
            context.log.warn("stopped while the request was being sent: it may have arrived")
            raise

    try:
        return attempt()
    except Unsent as first:
        from maintcli.runtime.stop import retry

        context.log.info(f"{first} Trying again for a while.")
        seconds = min(_PATIENCE_SECONDS, limit.left / 2)
        return retry(attempt, seconds=seconds, wait=context.stop.wait, on=Unsent, first=first)
