"""CronJobs as a cluster has them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from maintcli.config.say import quote
from maintcli.schedules.check.entries import compare
from maintcli.schedules.check.finding import Finding, Kind
from maintcli.schedules.entry import Settings
from maintcli.schedules.targets.kubernetes.cronjob import ENTRY, NUMBER
from maintcli.schedules.targets.kubernetes.found import at, is_suspended, objects, parse, sequence

# What comes of the declaration; resources, secrets and labels are an overlay's to change.
_SPEC: Final = ("concurrencyPolicy", "startingDeadlineSeconds")
_JOB: Final = ("activeDeadlineSeconds", "backoffLimit", "backoffLimitPerIndex", "parallelism")


def check(
    rendered: Mapping[str, str], texts: Mapping[str, str], settings: Settings
) -> Iterator[Finding]:
    """`texts` are what `kubectl get cronjobs -o json` prints.

    Raises ConfigError for what cannot be read, ValueError for what holds no CronJobs.
    """
    there = _cronjobs(texts)
    active = [_active(item) for item in there]
    text = json.dumps({"kind": "List", "items": active})
    yield from compare(parse(rendered), parse({"kubectl": text}))
    manifests = {path: text for path, text in rendered.items() if path.endswith(".yaml")}
    ours = {_name(item): item for path in manifests for item in objects(path, manifests[path])}
    for item in there:
        if _name(item) in ours:
            yield from _state(item, ours[_name(item)], settings)


def _cronjobs(texts: Mapping[str, str]) -> list[Any]:
    found = [item for path, text in texts.items() for item in objects(path, text)]
    kinds = {str(at(item, "kind")) for item in found}
    if found and "CronJob" not in kinds:
        raise ValueError("it holds no CronJob; give what `kubectl get cronjobs -o json` prints")
    return [item for item in found if at(item, "kind") == "CronJob"]


def _name(item: object) -> tuple[str, str]:
    """Which expression of which entry it is; an overlay may have changed its name."""
    notes = at(item, "metadata", "annotations")
    return str(at(notes, ENTRY) or at(item, "metadata", "name")), str(at(notes, NUMBER) or 1)


def _active(item: dict[str, Any]) -> dict[str, Any]:
    spec = at(item, "spec")
    return item | {"spec": {**spec, "suspend": False}} if isinstance(spec, dict) else item


def _state(item: object, ours: object, settings: Settings) -> Iterator[Finding]:
    key = _name(item)[0]
    if is_suspended(item):
        yield Finding(Kind.OFF, key, "it is suspended, so nobody starts it")
    for name, value, other in _values(item, ours, settings):
        if value != other:
            what = f"{name} is {quote(other)}, and would be {quote(value)}"
            yield Finding(Kind.STALE, key, what)


def _values(item: object, ours: object, settings: Settings) -> Iterator[tuple[str, str, str]]:
    """What it is called, how it would be rendered, and how it is."""
    job = ("spec", "jobTemplate", "spec")
    paths = [("spec", name) for name in _SPEC] + [(*job, name) for name in _JOB]
    for path in paths:
        value, other = at(ours, *path), at(item, *path)
        if value is not None:
            yield path[-1], str(value), str(other)
    if settings.image:
        yield "image", _image(at(ours, *job)), _image(at(item, *job))


def _image(job: object) -> str:
    containers = sequence(at(job, "template", "spec", "containers"))
    images = [str(at(one, "image")) for one in containers if at(one, "name") == "maint"]
    return images[0] if images else "none"
