"""What is said on the command line of the place where a schedule will run."""

import inspect
from dataclasses import asdict, dataclass

from maintcli.cli.params import given
from maintcli.config.say import quote
from maintcli.errors import Usage
from maintcli.schedules.entry import Settings

_ABSOLUTE = ("command", "variables")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The flags as given; the defaults are those of Settings."""

    command: str | None = None
    variables: str | None = None
    mailto: str | None = None
    user: str | None = None
    zone: str | None = None
    image: str | None = None
    namespace: str | None = None
    secret: str | None = None
    action: str | None = None

    def settings(self, config_text: str = "") -> Settings:
        """What the targets are told; `config_text` is maint.toml. Raises Usage."""
        found = {name: value for name, value in asdict(self).items() if value is not None}
        for name, value in found.items():
            _check(name, value)
        if "variables" in found:
            found["env_file"] = found.pop("variables")
        return Settings(**found, config=config_text)


def _check(name: str, value: str) -> None:
    if not value.strip() or not value.isprintable():
        raise Usage(
            reason=f"--{name}: {quote(value)} will not do; leave it out or give it a value."
        )
    if name in _ABSOLUTE and not value.startswith("/"):
        raise Usage(
            reason=f"--{name}: {quote(value)} is relative; a scheduler needs the whole path: /…"
        )
    if name not in _ABSOLUTE and " " in value:
        raise Usage(reason=f"--{name}: {quote(value)} has a blank in it.")
    if name == "zone":
        _check_zone(value)


def _check_zone(value: str) -> None:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(value)
    except (LookupError, ValueError, OSError):
        raise Usage(
            reason=f"--zone: {quote(value)} is no time zone; write e.g. UTC or Europe/Berlin."
        ) from None


def facts() -> list[inspect.Parameter]:
    """The options of `maint schedule render`."""
    default = Settings()
    return [
        _text(
            "command", "PATH", f"crontab, systemd: where maint is.  [default: {default.command}]"
        ),
        _text(
            "variables",
            "PATH",
            f"crontab, systemd: the file of variables there.  [default: {default.env_file}]",
        ),
        _text("mailto", "ADDRESS", "crontab: who is mailed when a job fails."),
        _text("user", "NAME", "crontab: who runs the jobs; makes a file for /etc/cron.d."),
        _text("zone", "ZONE", f"crontab: the clock of the machine.  [default: {default.zone}]"),
        _text("image", "NAME", "kubernetes: the image with maint in it."),
        _text("namespace", "NAME", "kubernetes: where the CronJobs will be."),
        _text("secret", "NAME", "kubernetes: the secret that holds DATABASE_URL."),
        _text("action", "NAME", "github: what `uses:` names, such as OWNER/REPOSITORY@SHA."),
    ]


def _text(name: str, metavar: str, text: str) -> inspect.Parameter:
    return given(name, str, f"--{name}", metavar=metavar, help=text)
