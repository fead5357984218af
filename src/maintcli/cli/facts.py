"""What is said on the command line of the place where a schedule will run."""

import inspect
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from maintcli.cli import homes
from maintcli.cli.params import given
from maintcli.config.document import FILE_NAME
from maintcli.config.model import Config
from maintcli.config.say import sentence
from maintcli.config.scheduler import STARTS, fault, told
from maintcli.errors import Usage
from maintcli.schedules.model import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The flags as given; [schedule] of maint.toml stands in for what was not."""

    command: str | None = None
    variables: str | None = None
    mailto: str | None = None
    user: str | None = None
    zone: str | None = None
    image: str | None = None
    install: str | None = None
    namespace: str | None = None
    secret: str | None = None
    action: str | None = None
    start: str | None = None
    runs_on: str | None = None
    environment: str | None = None
    plan: str | None = None
    region: str | None = None

    def settings(self, config: Config) -> Settings:
        """What the targets are told: flags, then [schedule], then the defaults of Settings.

        Raises Usage for a flag and ConfigError for a key that no scheduler could use.
        """
        given = asdict(self).items()
        flags = {name.replace("_", "-"): value for name, value in given if value is not None}
        for name, value in flags.items():
            clause = fault(name, value)
            if clause is not None:
                raise Usage(reason=sentence(f"--{name}: {clause}"))
        found = {**told(config.scheduler), **flags}
        if "variables" in found:
            found["env-file"] = found.pop("variables")
        settings = Settings(
            **{name.replace("-", "_"): value for name, value in found.items()},
            config=config.text,
            elsewhere=_elsewhere(config),
            is_home=_is_home(config.cwd),
        )
        return settings._replace(
            hidden=homes.fault(settings.command),
            config_file=_on_the_machine(config, settings.env_file),
        )


def _is_home(folder: Path) -> bool:
    """Whether `folder` is the repository of maint, or a fork of it."""
    try:
        found = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    project = found.get("project")
    return (
        isinstance(project, dict)
        and ("name", "maintcli") in cast("dict[str, object]", project).items()
    )


def _on_the_machine(config: Config, env_file: str) -> str:
    """Where the jobs find the settings: as named, if by a whole path, else beside the variables.

    The machine that renders may be another one, where the file lies in another folder.
    """
    if config.path is None:
        return ""
    if Path(config.file).is_absolute():
        return str(config.path)
    return str(Path(env_file).parent / config.path.name)


def _elsewhere(config: Config) -> str:
    """The file's name, where a run needs what it says and would not find it from the root."""
    is_there = config.path is None or config.path == config.cwd / FILE_NAME
    return "" if is_there or not config.is_needed_by_runs else config.file


def facts() -> list[inspect.Parameter]:
    """The options of `maint schedule render`."""
    default = Settings()
    return [
        _text("command", "PATH", "crontab, systemd: where maint is.", default.command),
        _text("variables", "PATH", "crontab, systemd: the file of variables.", default.env_file),
        _text("mailto", "ADDRESS", "crontab: who is mailed when a job fails."),
        _text("user", "NAME", "crontab: who runs the jobs; makes a file for /etc/cron.d."),
        _text("zone", "ZONE", "crontab: the clock of the machine.", default.zone),
        _text("image", "NAME", "kubernetes, railway, render: the image with maint in it."),
        _text("install", "PACKAGE|URL", "railway, render: what pip installs maint from."),
        _text("namespace", "NAME", "kubernetes: where the CronJobs will be."),
        _text("secret", "NAME", "kubernetes: the secret that holds DATABASE_URL."),
        _text("action", "NAME", "github: what `uses:` names, such as OWNER/REPOSITORY@SHA."),
        _text("start", "|".join(STARTS), "github: by-hand leaves the times out.", default.start),
        _text("runs-on", "LABELS", "github: the runner, as in self-hosted,linux.", default.runs_on),
        _text("environment", "NAME", "github: which holds the secrets.", default.environment),
        _text("plan", "NAME", "render: the instance type.", default.plan),
        _text("region", "NAME", "render: where the jobs run, near the database."),
    ]


def _text(name: str, metavar: str, text: str, default: str = "") -> inspect.Parameter:
    notes = [*([f"default: {default}"] if default else []), f"toml: [schedule] {name}"]
    text = f"{text}  [{'; '.join(notes)}]"
    return given(name.replace("-", "_"), str, f"--{name}", metavar=metavar, help=text)
