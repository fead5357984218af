"""[triggers.NAME]: a POST to a backend that does the work."""

import re
from pathlib import Path
from typing import Final, Literal, NamedTuple, cast

from maintcli.config import timing
from maintcli.config.naming import is_plain
from maintcli.config.say import bare, quote
from maintcli.config.secret import Read, read_secret
from maintcli.config.section import Section
from maintcli.config.sourced import Sourced
from maintcli.config.suggest import closest
from maintcli.config.zone import check_zone
from maintcli.errors import ConfigError

Auth = Literal["cron-secret", "basic", "bearer", "none"]

PREFIX: Final = "trigger-"
"""What is before its name where it is a job among others."""
SECRET: Final = {
    "cron-secret": "CRON_SECRET",
    "basic": "ADMIN_BASIC_PASSWORD",
    "bearer": "TRIGGER_TOKEN",
}
USERNAME: Final = "ADMIN_BASIC_USERNAME"
_TIMING: Final = tuple(key for key in timing.KEYS if key != "parallelism")
OWN: Final = (
    *_TIMING,
    "allow-http",
    "auth",
    "description",
    "secret",
    "timezone",
    "url",
    "username",
)
"""The keys beside the options that every job has."""
_EXAMPLES: Final = {"url": "${BACKEND_URL}/api/jobs/process-pending", "auth": "cron-secret"}
_AUTHS: Final = ("cron-secret", "basic", "bearer", "none")
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

    def url(self) -> str:
        """Where to, `${NAME}` filled in. Raises ConfigError."""
        return cast("str", self.section.text("url")).strip()

    def secret(self) -> Read:
        """The secret, or the password. Raises ConfigError."""
        return self._read("secret", SECRET[self.auth])

    def username(self) -> Read:
        """Who the password is of. Raises ConfigError."""
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
    if not is_plain(name, _LONGEST):
        raise ConfigError(
            f"{section.place()}: {quote(name)} will not do as a name; use up to {_LONGEST}"
            " lowercase letters, digits and single hyphens, such as process-pending."
        )
    timing.check_timing(section)
    check_zone(section, "timezone")
    _needed(section, "url")
    _needed(section, "auth")
    auth = cast("Auth", section.one_of("auth", _AUTHS))
    _check_secrets(section, auth)
    section.text("description")
    return Trigger(name, section, auth, section.boolean("allow-http") or False, base, cwd)


def _needed(section: Section, key: str) -> None:
    if section.raw_text(key) is not None:
        return
    near = closest(key, [name for name in section.values if name not in OWN])
    if near is not None:
        raise ConfigError(f"{section.place()}: unknown key {bare(near)}; did you mean {key}?")
    raise section.wrong(key, f'it is missing; write e.g. {key} = "{_EXAMPLES[key]}"')


def _check_secrets(section: Section, auth: Auth) -> None:
    """A secret stands elsewhere, and nowhere that nothing reads it from."""
    if section.raw_text("username") is not None and auth != "basic":
        raise section.wrong("username", f'auth = "{auth}" knows no user; remove the line')
    secret = section.raw_text("secret")
    if secret is not None and auth == "none":
        raise section.wrong("secret", 'auth = "none" sends none; remove the line, or change auth')
    if secret is not None and not secret.strip().startswith(("env:", "file:")):
        raise section.wrong(
            "secret", 'it would stand there for all to read; write "env:NAME" or "file:PATH"'
        )
    for key in ("secret", "username"):
        name = (section.raw_text(key) or "").strip()
        if name.startswith("env:") and not _VARIABLE.fullmatch(name.removeprefix("env:").strip()):
            raise section.wrong(key, "what follows env: is no name of a variable; write env:NAME")
