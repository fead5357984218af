"""CronJobs as a cluster has them."""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple, cast

from maintcli.config.messages import mask
from maintcli.config.scheduler import Settings
from maintcli.schedules.check.files import Finding, Kind, unlike
from maintcli.schedules.model import Entry
from maintcli.schedules.targets.kubernetes.cronjob import ENTRY, NUMBER, CronJob, cronjobs
from maintcli.schedules.targets.kubernetes.job import arguments, limits

_WANTED = "give what `kubectl get cronjobs -o json` prints"


class _Deployed(NamedTuple):
    """A CronJob of the cluster, and the words after `maint` of the container that runs it."""

    item: object
    key: str
    number: int
    words: tuple[str, ...]
    image: str


def check(
    entries: Sequence[Entry], texts: Mapping[str, str], settings: Settings
) -> Iterator[Finding]:
    """`texts` are what `kubectl get cronjobs -o json` prints. What an overlay may change
    (resources, secrets, labels, an image that is not declared) is not compared.

    Raises ValueError for what cannot be read, or holds no CronJobs.
    """
    found, _ = cronjobs(entries)
    left = {(one.entry.key, one.number): one for one in found}
    keys, by_name = {entry.key for entry in entries}, {one.name: one for one in found}
    for item in [item for text in texts.values() for item in _cronjobs(text)]:
        there = _deployed(item, by_name)
        if not there.words:
            continue
        declared = left.pop((there.key, there.number), None)
        if declared is not None:
            yield from _differences(declared, there, settings)
        else:
            more = "once more" if there.key in keys else "not declared"
            yield Finding(Kind.FOREIGN, there.key, f"{_said(there)} is there, {more}")
    for (key, _), one in left.items():
        what = f"{shlex.join(('maint', *one.entry.command))} at {one.schedule} is not there"
        yield Finding(Kind.MISSING, key, what)


def _cronjobs(text: str) -> list[object]:
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"it is not JSON; {_WANTED}") from None
    is_list = str(_at(found, "kind")) in {"List", "CronJobList"}
    items = _sequence(_at(found, "items")) if is_list else [found]
    cronjobs_ = [item for item in items if _at(item, "kind") == "CronJob"]
    if items and not cronjobs_:
        raise ValueError(f"it holds no CronJob; {_WANTED}")
    return cronjobs_


def _deployed(item: object, by_name: Mapping[str, CronJob]) -> _Deployed:
    """An overlay may have changed its name, or have taken away the annotations."""
    notes, name = _at(item, "metadata", "annotations"), str(_at(item, "metadata", "name"))
    key, number = str(_at(notes, ENTRY) or name), str(_at(notes, NUMBER) or 1)
    is_ours = _at(notes, ENTRY) is not None
    if not is_ours and name in by_name:
        key, number = by_name[name].entry.key, str(by_name[name].number)
    words, image = _command(item, is_ours=is_ours)
    return _Deployed(item, key, int(number) if number.isdecimal() else 1, words, image)


def _command(item: object, *, is_ours: bool) -> tuple[tuple[str, ...], str]:
    """The words after `maint` of the container that runs it, and its image; else no words."""
    pod = _at(item, "spec", "jobTemplate", "spec", "template", "spec")
    for container in _sequence(_at(pod, "containers")):
        command = [str(word) for word in _sequence(_at(container, "command"))]
        words = [*command, *(str(word) for word in _sequence(_at(container, "args")))]
        named = [PurePosixPath(word).name == "maint" for word in command]
        image = str(_at(container, "image"))
        if any(named):
            words = words[named.index(True) + 1 :]
        elif command or not (_is_maint(image) or (is_ours and _at(container, "name") == "maint")):
            continue
        return tuple(word.replace("$$", "$") for word in words), image
    return (), "none"


def _is_maint(image: str) -> bool:
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0] == "maint"


def _differences(one: CronJob, there: _Deployed, settings: Settings) -> Iterator[Finding]:
    spec = _at(there.item, "spec")
    job = _at(spec, "jobTemplate", "spec")
    key = one.entry.key
    if str(_at(spec, "suspend")).lower() == "true":
        yield Finding(Kind.OFF, key, "it is suspended, so it never starts")
    changed = (
        ("schedule", one.schedule, _at(spec, "schedule")),
        ("timeZone", one.entry.zone, _at(spec, "timeZone") or "UTC"),
        ("args", shlex.join(arguments(one.entry)), shlex.join(there.words)),
    )
    stale = [
        ("concurrencyPolicy", "Forbid", _at(spec, "concurrencyPolicy")),
        ("startingDeadlineSeconds", one.starting_deadline, _at(spec, "startingDeadlineSeconds")),
        *((name, value, _at(job, name)) for name, value in limits(one.entry).items()),
    ]
    if settings.image:
        stale.append(("image", settings.image, there.image))
    for kind, values in ((Kind.CHANGED, changed), (Kind.STALE, stale)):
        for name, value, other in values:
            if str(value) != str(other):
                yield Finding(kind, key, f"{name} is {unlike(str(other), str(value))}")


def _said(there: _Deployed) -> str:
    spec = _at(there.item, "spec")
    zone = str(_at(spec, "timeZone") or "UTC")
    at = f"{_at(spec, 'schedule') or 'no time'}{'' if zone == 'UTC' else f' {zone}'}"
    return mask(f"{shlex.join(('maint', *there.words))} at {at}")


def _at(node: object, *keys: str) -> Any:
    """What is below `keys`; None where that is nothing."""
    for key in keys:
        if not isinstance(node, dict):
            return None
        node = cast("dict[str, object]", node).get(key)
    return node


def _sequence(node: object) -> list[object]:
    """`node` where it is a list, else none."""
    return cast("list[object]", node) if isinstance(node, list) else []
