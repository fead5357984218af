"""The configuration before the command is known that reads it: it may be what makes the command."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from maintcli.cli.given import is_option, lacks_value
from maintcli.errors import Usage

if TYPE_CHECKING:
    from maintcli.config.model import Config

PLACES = ("config", "env_file")


def read(arguments: Sequence[str] = ()) -> "Config":
    """The configuration that a command with these `arguments` will read. Raises ConfigError."""
    from maintcli.cli.execute import read_config

    return read_config({place: given(arguments, place) for place in PLACES})


def given(arguments: Sequence[str], place: str) -> str | None:
    """What an option of the command will be. Raises Usage where another stands for its value."""
    flag = f"--{place.replace('_', '-')}"
    found = None
    for word, following in pairwise([*arguments, ""]):
        name, equals, value = word.partition("=")
        if name == flag:
            if not equals and is_option(following):
                raise Usage(f"{lacks_value(flag, following)}.")
            found = value if equals else following
    return found
