"""[triggers.NAME]: a POST to a backend that does the work."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple, cast

from maintcli.config.messages import quote
from maintcli.config.scheduler import SCHEDULERS, check_timing
from maintcli.config.section import NAME, Section
from maintcli.config.variables import Read, Sourced, read_secret
from maintcli.errors import ConfigError

Auth = Literal["cron-secret", "basic", "bearer", "none"]

PREFIX: Final = "trigger-"
"""Stands before the name of a trigger where it is listed as a job."""
SECRET: Final[Mapping[Auth, str]] = {
    "cron-secret": "CRON_SECRET",
    "basic": "ADMIN_BASIC_PASSWORD",
    "bearer": "TRIGGER_TOKEN",
}
"""The variable of the secret, where `secret` does not name another."""
USERNAME: Final = "ADMIN_BASIC_USERNAME"
_AUTHS: Final[tuple[Auth, ...]] = (*SECRET, "none")
_NEEDED: Final = {"url": "${BACKEND_URL}/api/jobs/process-pending", "auth": "cron-secret"}
"""The keys that no trigger goes without, each with an example."""
OWN: Final = (
    *(key for key in SCHEDULERS if key != "parallelism"),
    *_NEEDED,
    "allow-http",
    "description",
    "secret",
    "username",
)
"""The keys beside the options that every job has."""
_LONGEST: Final = 32
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FILLED: Final = re.compile(r"(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Trigger(NamedTuple):
    """The section of one trigger. What it fills in, and its secrets, are read when it is sent.

    A path in maint.toml is relative to `base`, one in a variable to `cwd`. `allow_http` lets a
    secret go over a line that others may read.
    """

    name: str
    section: Section
    auth: Auth
    allow_http: bool
    base: Path
    cwd: Path

    @property
    def job(self) -> str:
        """Its name among the jobs: in the ledger, in lists, in names of files."""
        return PREFIX + self.name

    @property
    def variables(self) -> tuple[str, ...]:
        """What the url fills in from the environment, unless it brings a default."""
        return tuple(dict.fromkeys(_FILLED.findall(self.section.raw_text("url") or "")))

    @property
    def secrets(self) -> tuple[str, ...]:
        """The variables that its secrets are read from."""
        if self.auth == "none":
            return ()
        wanted = {"secret": SECRET[self.auth]}
        if self.auth == "basic":
            wanted = {"username": USERNAME, **wanted}
        named = (self._variable(key, default) for key, default in wanted.items())
        return tuple(dict.fromkeys(name for name in named if name))

    def check(self) -> None:
        """Raise ConfigError where what it fills in, or a secret, is missing."""
        self.url()
        if self.auth != "none":
            self.secret()
        if self.auth == "basic":
            self.username()

    def url(self) -> str:
        """Where to, `${NAME}` filled in. Raises ConfigError."""
        return cast("str", self.section.text("url")).strip()

    def secret(self) -> Read:
        """The secret, or the password. Raises ConfigError."""
        return self._read("secret", SECRET[self.auth])

    def username(self) -> Read:
        """The user whose password it is. Raises ConfigError."""
        return self._read("username", USERNAME)

    def _variable(self, key: str, default: str) -> str | None:
        raw = (self.section.raw_text(key) or f"env:{default}").strip()
        return raw.removeprefix("env:").strip() if raw.startswith("env:") else None

    def _read(self, key: str, default: str) -> Read:
        raw, place = self.section.raw_text(key), self.section.place(key)
        variables = self.section.variables
        if raw is not None:
            return read_secret(Sourced(raw, place), variables, self.base)
        found = variables.get(default)
        if found is None:
            raise ConfigError(
                f'{self.section.place()}: auth = "{self.auth}" needs the variable {default},'
                f' which is not set; set it, or write {key} = "env:NAME" or "file:PATH".'
            )
        return read_secret(found, variables, self.cwd)


def read_triggers(top: Section, base: Path, cwd: Path) -> dict[str, Trigger]:
    """Every [triggers.NAME], by the name of its job. Raises ConfigError.

    Whatever depends on variables is left for when the trigger is sent.
    """
    found = [_trigger(name, one, base, cwd) for name, one in top.sections("triggers").items()]
    return {trigger.job: trigger for trigger in found}


def _trigger(name: str, section: Section, base: Path, cwd: Path) -> Trigger:
    if not re.fullmatch(NAME, name) or len(name) > _LONGEST:
        raise ConfigError(
            f"{section.place()}: {quote(name)} is not a valid name; use up to {_LONGEST}"
            " lowercase letters, digits and single hyphens, such as process-pending."
        )
    check_timing(section)
    if section.raw_text("url") is None:
        raise section.missing("url", _NEEDED["url"], OWN)
    auth = section.one_of("auth", _AUTHS)
    if auth is None:
        raise section.missing("auth", _NEEDED["auth"], OWN)
    _check_secrets(section, auth)
    section.text("description")
    return Trigger(name, section, auth, section.boolean("allow-http") or False, base, cwd)


def _check_secrets(section: Section, auth: Auth) -> None:
    """A secret stands elsewhere, and nowhere that nothing reads it from."""
    if section.raw_text("username") is not None and auth != "basic":
        raise section.wrong("username", f'auth = "{auth}" takes no user; remove the line')
    secret = section.raw_text("secret")
    if secret is not None and auth == "none":
        raise section.wrong("secret", 'auth = "none" sends none; remove the line, or change auth')
    if secret is not None and not secret.strip().startswith(("env:", "file:")):
        raise section.wrong(
            "secret", 'anyone who can read the file could read it; write "env:NAME" or "file:PATH"'
        )
    for key in ("secret", "username"):
        name = (section.raw_text(key) or "").strip()
        if name.startswith("env:") and not _VARIABLE.fullmatch(name.removeprefix("env:").strip()):
            raise section.wrong(
                key, "what follows env: is not the name of a variable; write env:NAME"
            )
