"""One of N processes that share the work of a run: which part it is, and of which whole."""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from maintcli.config.messages import quote
from maintcli.config.variables import Sourced
from maintcli.errors import ConfigError, MaintError, Usage

MOST_PARTS: Final = 1_000
INDEX_VARIABLE: Final = "JOB_COMPLETION_INDEX"  # of a Kubernetes Indexed Job, in each of its pods
GROUP_VARIABLE: Final = "MAINT_RUN_GROUP"
_LONGEST_GROUP = 200
_WRITTEN: Final = r"(?P<part>[0-9]{1,9}|auto)?/(?P<parts>[0-9]{1,9})"


class Shard(NamedTuple):
    """Part `part`, from 0, of `parts`."""

    part: int
    parts: int

    def __str__(self) -> str:
        return f"{self.part}/{self.parts}"

    def has(self, number: int) -> bool:
        """Whether item `number` of the whole, such as a stripe of a table, is this part's."""
        return number % self.parts == self.part


def shard(setting: Sourced[Any] | None, environ: Mapping[str, str]) -> Shard | None:
    """The part that `--shard` asks for; None where it asks for none.

    `0/4` is the first of four. `auto/4`, or `/4`, takes the number from JOB_COMPLETION_INDEX.
    Raises Usage for a bad flag, ConfigError for a bad variable or key.
    """
    if setting is None or setting.value is None:
        return None
    error: type[MaintError] = Usage if setting.origin.startswith("--") else ConfigError
    try:
        return _parsed(str(setting.value).strip(), environ)
    except ValueError as problem:
        raise error(f"{setting.origin}: {problem}.") from None


def group(environ: Mapping[str, str], found: Shard) -> str | None:
    """What the runs of one whole are joined by: MAINT_RUN_GROUP, else the Kubernetes Job's name.

    None where neither is known. Raises ConfigError for a name that will not do.
    """
    named = environ.get(GROUP_VARIABLE)
    if named is None:
        # The host name of an Indexed Job's pod is the Job's name and its index.
        name, _, index = environ.get("HOSTNAME", "").rpartition("-")
        return name if name and index == environ.get(INDEX_VARIABLE) == str(found.part) else None
    if not named.strip() or len(named) > _LONGEST_GROUP or not named.isprintable():
        reason = f"environment {GROUP_VARIABLE} must be a name of 1 to {_LONGEST_GROUP} printable"
        raise ConfigError(f"{reason} characters, the same for all parts; or unset it.")
    return named.strip()


def _parsed(text: str, environ: Mapping[str, str]) -> Shard:
    written = re.fullmatch(_WRITTEN, text)
    if written is None:
        raise ValueError(f"{quote(text)} is no part of a whole; write e.g. 0/4, or auto/4")
    parts = int(written["parts"])
    if not 1 <= parts <= MOST_PARTS:
        raise ValueError(f"{parts} parts will not do; have 1 to {MOST_PARTS}")
    index = written["part"] if (written["part"] or "auto") != "auto" else _index(environ)
    if int(index) >= parts:
        raise ValueError(f"there is no part {index} of {parts}; they are 0 to {parts - 1}")
    return Shard(int(index), parts)


def _index(environ: Mapping[str, str]) -> str:
    index = environ.get(INDEX_VARIABLE)
    if index is None:
        raise ValueError(
            f"{INDEX_VARIABLE} is not set, as it is in an Indexed Job of Kubernetes; give the"
            " number of the part, as in 0/4"
        )
    if not (index.isascii() and index.isdigit() and len(index) <= 9):
        raise ValueError(f"{INDEX_VARIABLE} is {quote(index)}, which is no number from 0")
    return index
