"""The configuration before the command is known that reads it: it may be what makes the command."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maintcli.config.model import Config

PLACES = ("config", "env_file")


def read(arguments: Sequence[str] = ()) -> "Config":
    """The configuration that a command with these `arguments` will read. Raises ConfigError."""
    from maintcli.cli.execute import read_config

    return read_config({place: given(arguments, place) for place in PLACES})


def given(arguments: Sequence[str], place: str) -> str | None:
    """What an option of the command will be."""
    flag = f"--{place.replace('_', '-')}"
    found = None
    for word, following in pairwise([*arguments, ""]):
        name, equals, value = word.partition("=")
        if name == flag:
            found = value if equals else following
    return found
