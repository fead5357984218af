"""What is said on the command line of the place where a schedule will run."""

import inspect
from dataclasses import asdict, dataclass

from maintcli.cli.params import given
from maintcli.config.model import Config
from maintcli.config.say import sentence
from maintcli.config.scheduler import fault, told
from maintcli.errors import Usage
from maintcli.schedules.entry import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The flags as given; [schedule] of maint.toml stands in for what was not."""

    command: str | None = None
    variables: str | None = None
    mailto: str | None = None
    user: str | None = None
    zone: str | None = None
    image: str | None = None
    namespace: str | None = None
    secret: str | None = None
    action: str | None = None

    def settings(self, config: Config) -> Settings:
        """What the targets are told: flags, then [schedule], then the defaults of Settings.

        Raises Usage for a flag and ConfigError for a key that no scheduler could use.
        """
        flags = {name: value for name, value in asdict(self).items() if value is not None}
        for name, value in flags.items():
            clause = fault(name, value)
            if clause is not None:
                raise Usage(reason=sentence(f"--{name}: {clause}"))
        found = {**told(config.scheduler), **flags}
        if "variables" in found:
            found["env_file"] = found.pop("variables")
        return Settings(**found, config=config.text)


def facts() -> list[inspect.Parameter]:
    """The options of `maint schedule render`."""
    default = Settings()
    return [
        _text("command", "PATH", "crontab, systemd: where maint is.", default.command),
        _text("variables", "PATH", "crontab, systemd: the file of variables.", default.env_file),
        _text("mailto", "ADDRESS", "crontab: who is mailed when a job fails."),
        _text("user", "NAME", "crontab: who runs the jobs; makes a file for /etc/cron.d."),
        _text("zone", "ZONE", "crontab: the clock of the machine.", default.zone),
        _text("image", "NAME", "kubernetes: the image with maint in it."),
        _text("namespace", "NAME", "kubernetes: where the CronJobs will be."),
        _text("secret", "NAME", "kubernetes: the secret that holds DATABASE_URL."),
        _text("action", "NAME", "github: what `uses:` names, such as OWNER/REPOSITORY@SHA."),
    ]


def _text(name: str, metavar: str, text: str, default: str = "") -> inspect.Parameter:
    notes = [*([f"default: {default}"] if default else []), f"toml: [schedule] {name}"]
    text = f"{text}  [{'; '.join(notes)}]"
    return given(name, str, f"--{name}", metavar=metavar, help=text)
