"""Units as systemd has them."""

import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Final

from maintcli.schedules.check.entries import compare
from maintcli.schedules.check.files import difference
from maintcli.schedules.check.finding import Finding, Kind
from maintcli.schedules.entry import Settings
from maintcli.schedules.targets.systemd import parse, units

_DROP_IN: Final = re.compile(r"^# /\S+\.d/\S+\.conf$", re.MULTILINE)
_PROPERTY: Final = re.compile(r"^(Id|ActiveState|UnitFileState)=(.*)$", re.MULTILINE)


def check(
    rendered: Mapping[str, str], texts: Mapping[str, str], _settings: Settings
) -> Iterator[Finding]:
    """`texts` are what `systemctl cat` prints, and `systemctl show` of the timers."""
    shown = {path: text for path, text in texts.items() if text.startswith(("Id=", "ActiveState="))}
    files = {path: text for path, text in texts.items() if path not in shown}
    if files:
        yield from compare(parse(rendered), parse(files))
        yield from _stale(rendered, files)
    for text in shown.values():
        yield from _off(rendered, text)


def _stale(rendered: Mapping[str, str], files: Mapping[str, str]) -> Iterator[Finding]:
    """A unit whose own text differs where its entry does not; its drop-ins are for others."""
    there = dict(chain.from_iterable(units(path, text) for path, text in files.items()))
    for name, text in rendered.items():
        own = _DROP_IN.split(there.get(name, text))[0].strip()
        differs = own != text.strip()
        if differs and not [*compare(parse({name: text}), parse({name: own}))]:
            yield Finding(Kind.STALE, name, difference(text.strip(), own))


def _off(rendered: Mapping[str, str], text: str) -> Iterator[Finding]:
    for block in re.split(r"\n\s*\n", text):
        found = dict(_PROPERTY.findall(block))
        name, state = found.get("Id", ""), found.get("UnitFileState", "")
        if name not in rendered or not state:
            continue
        if found.get("ActiveState") != "active" or not state.startswith("enabled"):
            what = f"it is {state} and {found.get('ActiveState')}; systemctl enable --now {name}"
            yield Finding(Kind.OFF, name, what)
