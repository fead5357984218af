"""What is deployed, by target."""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import cast

from maintcli.schedules.check.entries import compare
from maintcli.schedules.check.finding import Finding
from maintcli.schedules.entry import Settings
from maintcli.schedules.targets import TARGETS

_Check = Callable[[Mapping[str, str], Mapping[str, str], Settings], Iterator[Finding]]
_OWN = {"crontab", "github", "kubernetes", "systemd"}


def check(
    target: str, rendered: Mapping[str, str], texts: Mapping[str, str], settings: Settings
) -> list[Finding]:
    """`texts` are what the scheduler's tool printed, by where it is from.

    Raises ConfigError or ValueError for what cannot be read.
    """
    if target not in _OWN:
        parse = TARGETS[target].parse
        return [*compare(parse(rendered), parse(texts))]
    module = import_module(f"{__package__}.{target}")
    return [*cast("_Check", module.check)(rendered, texts, settings)]
