"""Which configuration a command reads, and which database of it is meant."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from maintcli import registry
from maintcli.cli.text_options import is_option, lacks_value
from maintcli.config.database import ALL, DatabaseConfig
from maintcli.config.load import load
from maintcli.config.model import Config
from maintcli.errors import ConfigError, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigLocation:
    """--config, --env-file and --database as given; the variables stand in for what was not."""

    config: str | None = None
    env_file: str | None = None
    database: str | None = None

    def __post_init__(self) -> None:
        """Raise Usage for one that is blank, as of a variable that is not set."""
        for flag, value in (
            ("--config", self.config),
            ("--env-file", self.env_file),
            ("--database", self.database),
        ):
            if value is not None and not value.strip():
                raise Usage(f"{flag} is blank; give it a value, or leave it out.")

    def words(self, among: str | None = None) -> tuple[str, ...]:
        """The flags that lead here, or to the database `among` those of the configuration."""
        given = {
            "--config": self.config,
            "--env-file": self.env_file,
            "--database": among or self.database,
        }
        return tuple(word for flag, value in given.items() if value for word in (flag, value))

    def read(self, environ: Mapping[str, str] = os.environ) -> Config:
        """The configuration, with the variables of `environ`. Raises ConfigError."""
        env_file = self.env_file or _variable("MAINT_ENV_FILE")
        return load(
            config=Path(self.config) if self.config is not None else None,
            env_file=Path(env_file) if env_file is not None else None,
            environ=environ,
            cwd=_working_directory(),
        )

    def read_aloud(self) -> Config:
        """The configuration, its warnings said on standard error."""
        config = self.read()
        for warning in config.warnings:
            sys.stderr.write(f"maint: {warning}\n")
        return config

    def target(self, config: Config) -> DatabaseConfig:
        """The database that is meant. Raises ConfigError, and Usage where that is all of them."""
        if self.is_everywhere(config):
            raise Usage("--database all is for runs, db migrate and db check; name one database.")
        return config.database(self._named(config))

    def is_everywhere(self, config: Config) -> bool:
        """Whether every database of the configuration is meant. Raises ConfigError."""
        return self._named(config) == ALL

    def _named(self, config: Config) -> str | None:
        named = config.variables.get("MAINT_DATABASE")
        if self.database is not None or named is None:
            return self.database
        if not named.value.strip():
            raise ConfigError(f"{named.origin} is blank; give it a name or unset it.")
        return named.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Loudness:
    """--quiet, --verbose and --log-file as given."""

    quiet: bool | None = None
    verbose: bool | None = None
    log_file: str | None = None


def location(given: Mapping[str, Any]) -> ConfigLocation:
    """Where to look, of what was given on the command line."""
    return ConfigLocation(**{name: given.get(name) for name in ("config", "env_file", "database")})


def read_ahead(arguments: Sequence[str] = ()) -> Config:
    """The configuration that a command with these `arguments` will read: it may be what makes the
    command. Raises ConfigError.
    """
    return ConfigLocation(
        config=_given(arguments, "--config"), env_file=_given(arguments, "--env-file")
    ).read()


def entries() -> dict[str, registry.Entry]:
    """Every job, for --help and completion; the built-in ones alone where the configuration cannot
    be read: to say so is for the command that needs it.
    """
    try:
        return registry.entries(read_ahead())
    except ConfigError:
        return dict(registry.JOBS)


def _given(arguments: Sequence[str], flag: str) -> str | None:
    """What an option of the command will be. Raises Usage where another stands for its value."""
    found = None
    for word, following in pairwise([*arguments, ""]):
        name, equals, value = word.partition("=")
        if name == flag:
            if not equals and is_option(following):
                raise Usage(f"{lacks_value(flag, following)}.")
            found = value if equals else following
    return found


def _working_directory() -> Path:
    try:
        return Path.cwd()
    except OSError:
        reason = "The working directory is not there any more; change into one that is."
        raise ConfigError(reason) from None


def _variable(name: str) -> str | None:
    value = os.environ.get(name)
    if value is not None and not value.strip():
        raise ConfigError(f"environment {name} is blank; give it a path or unset it.")
    return value
