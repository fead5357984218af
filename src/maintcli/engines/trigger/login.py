"""How a trigger says who it is."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from maintcli.config.secret import Read
from maintcli.config.triggers import Trigger
from maintcli.errors import ConfigError
from maintcli.runtime.log import Log

_SHOWN: Final = {
    "cron-secret": "X-Cron-Secret from {secret}",
    "basic": "Basic authentication from {username} and {secret}",
    "bearer": "a bearer token from {secret}",
    "none": "no secret",
}


class Login(NamedTuple):
    """The headers, and what a sentence may say of them: where they come from."""

    headers: Mapping[str, str]
    shown: str

    def __repr__(self) -> str:
        return f"Login({self.shown!r})"


def login(trigger: Trigger, log: Log) -> Login:
    """Read the secrets of `trigger`, never to be logged. Raises ConfigError."""
    if trigger.auth == "none":
        return Login({}, _SHOWN["none"])
    secret = trigger.secret()
    username = trigger.username() if trigger.auth == "basic" else None
    text = _text(secret, log)
    shown = _SHOWN[trigger.auth].format(
        secret=secret.origin, username=username.origin if username else ""
    )
    if username is not None:
        return Login({"Authorization": f"Basic {_basic(username, text, log)}"}, shown)
    if trigger.auth == "bearer":
        return Login({"Authorization": f"Bearer {_plain(secret, text)}"}, shown)
    return Login({"X-Cron-Secret": _plain(secret, text)}, shown)


def _text(read: Read, log: Log) -> str:
    """The secret itself, once the log knows what it must not show."""
    text = read.secret.reveal()
    log.hide(text)
    for warning in read.warnings:
        log.warn(warning)
    return text


def _plain(read: Read, text: str) -> str:
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ConfigError(
            f"{read.origin} holds a character that no header can carry; have letters,"
            " digits and signs alone (maint secret prints a new one)."
        )
    return text


def _basic(username: Read, password: str, log: Log) -> str:
    """As RFC 7617 has it."""
    from base64 import b64encode

    name = username.secret.reveal()
    if ":" in name:
        raise ConfigError(f"{username.origin} holds a colon, which no user name can.")
    token = b64encode(f"{name}:{password}".encode()).decode()
    log.hide(token)
    return token
