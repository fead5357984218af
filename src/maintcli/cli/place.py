"""Where a command looks: which configuration, and which database of it."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from maintcli.config.database import DatabaseConfig
from maintcli.config.load import load
from maintcli.config.model import Config
from maintcli.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """--config, --env-file and --database as given; the variables stand in for what was not."""

    config: str | None = None
    env_file: str | None = None
    database: str | None = None

    def read(self) -> Config:
        """The configuration. Raises ConfigError."""
        env_file = self.env_file or _variable("MAINT_ENV_FILE")
        return load(
            config=Path(self.config) if self.config is not None else None,
            env_file=Path(env_file) if env_file is not None else None,
            environ=os.environ,
            cwd=Path.cwd(),
        )

    def read_aloud(self) -> Config:
        """The configuration, its warnings said on standard error."""
        config = self.read()
        for warning in config.warnings:
            sys.stderr.write(f"maint: {warning}\n")
        return config

    def target(self, config: Config) -> DatabaseConfig:
        """The database that is meant. Raises ConfigError."""
        named = config.variables.get("MAINT_DATABASE")
        if self.database is None and named is not None:
            if not named.value.strip():
                raise ConfigError(reason=f"{named.origin} is blank; give it a name or unset it.")
            return config.database(named.value)
        return config.database(self.database)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loudness:
    """--quiet, --verbose and --log-file as given."""

    quiet: bool | None = None
    verbose: bool | None = None
    log_file: str | None = None


def _variable(name: str) -> str | None:
    value = os.environ.get(name)
    if value is not None and not value.strip():
        raise ConfigError(reason=f"environment {name} is blank; give it a path or unset it.")
    return value
