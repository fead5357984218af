"""Sending a trigger."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from maintcli.config.triggers import Trigger
from maintcli.engines.trigger import answer as answers
from maintcli.engines.trigger.answer import Triggered
from maintcli.engines.trigger.login import Login, login
from maintcli.errors import ConfigError, Interrupted, Partial, Unsent
from maintcli.runtime.context import Context
from maintcli.runtime.deadline import Deadline
from maintcli.services import address as addresses
from maintcli.services.address import Address

if TYPE_CHECKING:
    from maintcli.services.http import Answer

_LAST_SECONDS: Final = 5.0  # of the timeout, to say how it ended
_LEAST_SECONDS: Final = 1.0  # for a last attempt, which is begun after a pause
_PATIENCE_SECONDS: Final = 15.0  # for a backend that is just being started


@dataclass(frozen=True, slots=True)
class WouldSend:
    """What a real run would do."""

    would_send: str


def trigger(context: Context, wanted: Trigger) -> Triggered | WouldSend:
    """POST it, and raise unless the backend says that all was done.

    It is sent at most once: again only where no connection came about.
    """
    address, who = _address(wanted), login(wanted, context.log)
    left = context.deadline.left
    limit = Deadline(max(left - _LAST_SECONDS, left / 2), "the answer")
    if context.dry_run:
        words = f"POST {address} with {who.shown}"
        return WouldSend(f"{words}, and wait {limit.seconds:.0f} s for the answer")
    context.log.info(f"POST {address} with {who.shown}")
    return _judged(context, address, who, limit)


def _address(wanted: Trigger) -> Address:
    """Where to. Raises ConfigError, also where others could read the secret on its way."""
    origin = wanted.section.place("url")
    try:
        address = addresses.read(wanted.url())
    except ValueError as error:
        raise ConfigError(f"{origin}: {error}.") from None
    if wanted.auth != "none" and not (address.is_confidential or wanted.allow_http):
        reason = (
            f"http:// would show the secret to everybody on the way to {address.host}; use"
            " https://, or write allow-http = true where the way is your own"
        )
        raise ConfigError(f"{origin}: {reason}.")
    return address


def _judged(context: Context, address: Address, who: Login, limit: Deadline) -> Triggered:
    answer = _sent(context, address, who, limit)
    context.counts["status"] = answer.status
    answers.check(answer, address, who.shown)
    found = answers.content(answer, context.log)
    answers.check_success(answer, address, found)
    result = answers.figures(answer, found, context.log)
    context.counts |= asdict(result)
    if result.failed:
        raise Partial(f"The backend says that {result.failed} failed.")
    return result


def _sent(context: Context, address: Address, who: Login, limit: Deadline) -> "Answer":
    from maintcli.services.http import Client

    def attempt() -> "Answer":
        try:
            with context.stop.breaking(), Client() as client:
                return client.post(address, who.headers, seconds=max(limit.left, _LEAST_SECONDS))
        except Interrupted:
            context.log.warn("stopped while it was being sent: it may have arrived")
            raise

    try:
        return attempt()
    except Unsent as first:
        from maintcli.runtime.retry import until

        context.log.info(f"{first} Trying again for a while.")
        seconds = min(_PATIENCE_SECONDS, limit.left / 2)
        return until(attempt, seconds=seconds, wait=context.stop.wait, retry=Unsent, first=first)
