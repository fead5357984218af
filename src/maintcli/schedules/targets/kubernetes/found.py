"""What stands in a base, or is deployed, as entries."""

import json
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, NamedTuple, cast

from maintcli.errors import ConfigError
from maintcli.schedules.entry import Found
from maintcli.schedules.targets.kubernetes.cron import translated
from maintcli.schedules.targets.kubernetes.cronjob import ENTRY, NUMBER, SCHEDULE
from maintcli.schedules.targets.kubernetes.job import declared
from maintcli.schedules.targets.yaml.reader import documents

_KUSTOMIZATION = "kustomization.yaml"


class _One(NamedTuple):
    """One CronJob: the entry without its expression, the number of that, and what it says."""

    entry: Found
    number: int
    expression: str


def parse(files: Mapping[str, str]) -> list[Found]:
    """Entries of the CronJobs in `files`, by path: manifests, or `kubectl get cronjobs -o json`.

    Those of others are left out, suspended ones too; where there is a kustomization, so are files
    that it does not list. Raises ConfigError for a file that cannot be read.
    """
    kinds: dict[str, list[Any]] = {
        path: [item for document in _read(path, text) for item in _items(document)]
        for path, text in files.items()
        if text.lstrip().startswith("{") or path.endswith((".yaml", ".yml", ".json"))
    }
    listed = [kinds[path] for path in _listed(kinds)]
    ones = [one for items in listed for item in items if (one := _one(item)) is not None]
    return _joined(ones)


def _read(path: str, text: str) -> list[object]:
    try:
        return [json.loads(text)] if text.lstrip().startswith("{") else documents(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(reason=f"{path} cannot be read: {error}.") from None


def _items(document: object) -> Iterator[object]:
    if _at(document, "kind") in {"List", "CronJobList"}:
        yield from _list(_at(document, "items"))
    else:
        yield document


def _listed(kinds: Mapping[str, list[Any]]) -> list[str]:
    """The files that count, in their order."""
    listed = _list(_at(next(iter(kinds.get(_KUSTOMIZATION, [])), None), "resources"))
    if _KUSTOMIZATION not in kinds:
        return list(kinds)
    return [path for path in kinds if path in listed]


def _one(item: object) -> _One | None:
    if _at(item, "kind") != "CronJob" or _at(item, "spec", "suspend") in {True, "true"}:
        return None
    job = _at(item, "spec", "jobTemplate", "spec")
    words = _words(job, is_ours=_at(item, "metadata", "annotations", ENTRY) is not None)
    if not words:
        return None
    notes = _at(item, "metadata", "annotations")
    key = _at(notes, ENTRY) or _at(item, "metadata", "name") or words[0]
    zone = str(_at(item, "spec", "timeZone") or "UTC")
    entry = Found(str(key), words[0], (), zone, words[1:])
    number = str(_at(notes, NUMBER) or 1)
    written = str(_at(item, "spec", "schedule") or "")
    expression = _expression(written, _at(notes, SCHEDULE))
    return _One(entry, int(number) if number.isdecimal() else 1, expression)


def _expression(written: str, noted: object) -> str:
    """What was declared, as long as what stands there says the same."""
    try:
        return str(noted) if noted is not None and translated(str(noted)) == written else written
    except ValueError:
        return written


def _words(job: object, *, is_ours: bool) -> tuple[str, ...]:
    """The words after `maint` of the container that runs it; none where no container does."""
    for container in _list(_at(job, "template", "spec", "containers")):
        command = [str(word) for word in _list(_at(container, "command"))]
        words = [*command, *(str(word) for word in _list(_at(container, "args")))]
        named = [PurePosixPath(word).name == "maint" for word in command]
        image = str(_at(container, "image")).partition("@")[0].rpartition("/")[2].partition(":")[0]
        if any(named):
            words = words[named.index(True) + 1 :]
        elif command or not (image == "maint" or (is_ours and _at(container, "name") == "maint")):
            continue
        plain = tuple(word.replace("$$", "$") for word in words)
        parts = _at(job, "completions") if _at(job, "completionMode") == "Indexed" else 1
        return declared(plain, str(parts)) if is_ours else plain
    return ()


def _joined(ones: list[_One]) -> list[Found]:
    """Each entry once, with its expressions in their order."""
    entries: dict[Found, list[_One]] = {}
    for one in ones:
        entries.setdefault(one.entry, []).append(one)
    return [
        entry._replace(expressions=tuple(o.expression for o in sorted(parts, key=_number)))
        for entry, parts in entries.items()
    ]


def _number(one: _One) -> int:
    return one.number


def _at(node: object, *keys: str) -> Any:
    """What is below `keys`; None where that is nothing."""
    for key in keys:
        if not isinstance(node, dict):
            return None
        node = cast("dict[str, object]", node).get(key)
    return node


def _list(node: object) -> list[object]:
    return cast("list[object]", node) if isinstance(node, list) else []
