"""What schedulers have, as their tools print it: crontabs, workflows, units, copies of files."""

import json
import re
import shlex
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import PurePosixPath
from typing import Any, Final, cast

from maintcli.config.messages import mask, quote
from maintcli.config.scheduler import BY_HAND, Settings
from maintcli.schedules.check import kubernetes
from maintcli.schedules.check.files import Finding, Kind, compare, difference, unlike
from maintcli.schedules.model import Entry
from maintcli.schedules.targets import crontab
from maintcli.schedules.targets.github import FILE
from maintcli.schedules.targets.text import path_of, split

Texts = Mapping[str, str]

ENABLED: Final = "MAINT_ENABLED"
_WHY: Final = {
    "deleted": "GitHub has no such workflow; it must be on the default branch",
    "disabled_inactivity": "GitHub disabled its schedules after 60 days without a commit;"
    f" gh workflow enable {FILE}",
    "disabled_manually": f"it was disabled by hand; gh workflow enable {FILE}",
    "disabled_fork": f"it is disabled because the repository is a fork; gh workflow enable {FILE}",
}
_UNIT: Final = re.compile(r"^# (/\S+\.(?:service|timer))$", re.MULTILINE)
_DROP_IN: Final = re.compile(r"^# /\S+\.d/\S+\.conf$", re.MULTILINE)
_STARTS: Final = re.compile(r"^\s*(OnCalendar|ExecStart)\s*=", re.MULTILINE)
_PROPERTY: Final = re.compile(r"^(Id|ActiveState|UnitFileState)=(.*)$", re.MULTILINE)


def check(
    target: str, entries: Sequence[Entry], rendered: Texts, texts: Texts, settings: Settings
) -> list[Finding]:
    """`texts` are what the tool of the scheduler printed, by where it is from.

    Raises ValueError for what cannot be read.
    """
    match target:
        case "crontab":
            return [*_crontab(rendered, texts)]
        case "github":
            return [*_github(rendered, texts, settings)]
        case "kubernetes":
            return [*kubernetes.check(entries, texts, settings)]
        case "systemd":
            return [*_systemd(rendered, texts)]
        case _:
            return [*_copies(target, rendered, texts)]


def _crontab(rendered: Texts, texts: Texts) -> Iterator[Finding]:
    """`texts` are what `crontab -l` prints, and files of /etc/cron.d.

    A line without its comment, and so without the name of its entry, is known by what it does.
    """
    declared = [*chain.from_iterable(map(crontab.lines, rendered.values()))]
    rest = [*chain.from_iterable(map(crontab.lines, texts.values()))]
    left: list[crontab.Line] = []
    for line in declared:
        same = _take(rest, partial(_does_the_same, line))
        if same is None:
            left.append(line)
        elif same.text != line.text:
            yield Finding(Kind.STALE, line.key, f"its line is {unlike(same.text, line.text)}")
    for line in left:
        other = _take(rest, partial(_is_called_alike, line))
        if other is None:
            yield Finding(Kind.MISSING, line.key, f"{_said(line)} is not there")
        else:
            what = f"its line is {unlike(other.text, line.text)}"
            yield Finding(Kind.CHANGED, line.key, what)
    keys = {line.key for line in declared}
    for other in rest:
        more = "once more" if other.key in keys else "not declared"
        yield Finding(Kind.FOREIGN, other.key, f"{_said(other)} is there, {more}")


def _does_the_same(one: crontab.Line, other: crontab.Line) -> bool:
    return (one.when, one.words) == (other.when, other.words)


def _is_called_alike(one: crontab.Line, other: crontab.Line) -> bool:
    return one.key == other.key


def _take(rest: list[crontab.Line], fits: Callable[[crontab.Line], bool]) -> crontab.Line | None:
    """The first of `rest` that fits, taken out."""
    for number, line in enumerate(rest):
        if fits(line):
            return rest.pop(number)
    return None


def _said(line: crontab.Line) -> str:
    return mask(f"{shlex.join(('maint', *line.words))} at {line.when}")


def _github(rendered: Texts, texts: Texts, settings: Settings) -> Iterator[Finding]:
    """`texts` are the file itself, or what `gh api` prints of the workflow or of MAINT_ENABLED.

    Raises ValueError for JSON that is none of these.
    """
    for text in texts.values():
        if text.lstrip().startswith("{"):
            yield from _answer(rendered, _read(text), starts=settings.start != BY_HAND)
        else:
            yield from _file(rendered, text)


def _read(text: str) -> dict[str, Any]:
    try:
        return cast("dict[str, Any]", json.loads(text))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _answer(rendered: Texts, found: dict[str, Any], *, starts: bool) -> Iterator[Finding]:
    """`starts`: something is scheduled there, so that MAINT_ENABLED matters."""
    if "content" in found:
        yield from _file(rendered, b64decode(str(found["content"])).decode(errors="replace"))
    elif "state" in found or isinstance(found.get("workflows"), list):
        yield from _state(found) if rendered else ()
    elif found.get("name") == ENABLED or isinstance(found.get("variables"), list):
        yield from _enabled(found) if rendered and starts else ()
    else:
        raise ValueError(
            "it is neither a workflow nor its state; give what"
            f" `gh api repos/{{owner}}/{{repo}}/actions/workflows/{FILE}` prints"
        )


def _file(rendered: Texts, text: str) -> Iterator[Finding]:
    if rendered:
        yield from compare(rendered, {FILE: text.replace("\r\n", "\n")}, {})
    elif text:
        yield Finding(Kind.FOREIGN, FILE, "it is there, and no job is declared")


def _listed(found: object, key: str, name: str) -> dict[str, Any]:
    """The one of a list whose `key` ends in `name`."""
    for one in cast("list[object]", found):
        if isinstance(one, dict) and str(cast("dict[str, Any]", one).get(key)).endswith(name):
            return cast("dict[str, Any]", one)
    return {}


def _state(found: dict[str, Any]) -> Iterator[Finding]:
    if "workflows" in found:
        found = {"state": "deleted"} | _listed(found["workflows"], "path", f"/{FILE}")
    state = str(found["state"])
    if state != "active":
        kind = Kind.MISSING if state == "deleted" else Kind.OFF
        yield Finding(kind, FILE, _WHY.get(state, f"its state is {quote(state)}"))


def _enabled(found: dict[str, Any]) -> Iterator[Finding]:
    if "variables" in found:
        found = _listed(found["variables"], "name", ENABLED)
    if "unknown" in found:
        yield Finding(Kind.NOTED, FILE, f"whether {ENABLED} is true is unknown: {found['unknown']}")
    elif found.get("value") != "true":
        said = quote(found["value"]) if found.get("value") is not None else "not set"
        yield Finding(
            Kind.OFF,
            FILE,
            f"the variable {ENABLED} is {said}, so every scheduled job is skipped;"
            f" gh variable set {ENABLED} --body true",
        )


def _systemd(rendered: Texts, texts: Texts) -> Iterator[Finding]:
    """`texts` are what `systemctl cat` prints, and `systemctl show` of the timers."""
    shown = {path: text for path, text in texts.items() if text.startswith(("Id=", "ActiveState="))}
    files = {path: text for path, text in texts.items() if path not in shown}
    if files:
        yield from _units(rendered, files)
    for text in shown.values():
        yield from _off(rendered, text)


def _units(rendered: Texts, texts: Texts) -> Iterator[Finding]:
    """Each unit as text. Drop-ins are not compared, unless one changes what starts, or when."""
    there = dict(chain.from_iterable(_split_units(path, text) for path, text in texts.items()))
    for name, text in rendered.items():
        if name not in there:
            yield Finding(Kind.MISSING, name, "the unit is not there")
            continue
        own, *drop_ins = _DROP_IN.split(there[name])
        own = split(own)[0].strip()
        if own != text.strip():
            yield Finding(Kind.STALE, name, difference(text.strip(), own))
        for key in dict.fromkeys(_STARTS.findall("".join(drop_ins))):
            yield Finding(Kind.CHANGED, name, f"a drop-in of it sets {key}")
    for name in there:
        is_ours = name.startswith("maint-") and name.endswith(".timer")
        if is_ours and name not in rendered:
            yield Finding(Kind.FOREIGN, name, "it is there, not declared")


def _split_units(path: str, text: str) -> Iterator[tuple[str, str]]:
    """The units in a text by their file names; systemctl writes the path over each."""
    pieces = _UNIT.split(text)
    if len(pieces) == 1:
        yield PurePosixPath(path).name, text
    for name, body in zip(pieces[1::2], pieces[2::2], strict=True):
        yield PurePosixPath(name).name, body


def _off(rendered: Texts, text: str) -> Iterator[Finding]:
    for block in re.split(r"\n\s*\n", text):
        found = dict(_PROPERTY.findall(block))
        name, state = found.get("Id", ""), found.get("UnitFileState", "")
        if name not in rendered or not state:
            continue
        if found.get("ActiveState") != "active" or not state.startswith("enabled"):
            what = f"it is {state} and {found.get('ActiveState')}; systemctl enable --now {name}"
            yield Finding(Kind.OFF, name, what)


def _copies(target: str, rendered: Texts, texts: Texts) -> Iterator[Finding]:
    """`texts` are copies of rendered files; each is known by its header."""
    there: dict[str, str] = {}
    for text in texts.values():
        path = path_of(target, text)
        if path is None:
            raise ValueError(f"it is not a file that maint rendered for {target}")
        there[path] = text
    yield from compare(rendered, there, {})
    for path in there:
        if path not in rendered:
            yield Finding(Kind.FOREIGN, path, "it is there, not declared")
