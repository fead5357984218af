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
        path: objects(path, text)
        for path, text in files.items()
        if text.lstrip().startswith("{") or path.endswith((".yaml", ".yml", ".json"))
    }
    listed = [kinds[path] for path in _listed(kinds)]
    ones = [one for items in listed for item in items if (one := _one(item)) is not None]
    return _joined(ones)


def objects(path: str, text: str) -> list[object]:
    """Every manifest in `text`. Raises ConfigError."""
    return [item for document in _read(path, text) for item in _items(document)]


def _read(path: str, text: str) -> list[object]:
    try:
        return [json.loads(text)] if text.lstrip().startswith("{") else documents(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(reason=f"{path} cannot be read: {error}.") from None


def _items(document: object) -> Iterator[object]:
    if str(at(document, "kind")) in {"List", "CronJobList"}:
        yield from sequence(at(document, "items"))
    else:
        yield document


def _listed(kinds: Mapping[str, list[Any]]) -> list[str]:
    """The files that count, in their order."""
    listed = sequence(at(next(iter(kinds.get(_KUSTOMIZATION, [])), None), "resources"))
    if _KUSTOMIZATION not in kinds:
        return list(kinds)
    return [path for path in kinds if path in listed]


def _one(item: object) -> _One | None:
    if at(item, "kind") != "CronJob" or is_suspended(item):
        return None
    job = at(item, "spec", "jobTemplate", "spec")
    words = _words(job, is_ours=at(item, "metadata", "annotations", ENTRY) is not None)
    if not words:
        return None
    notes = at(item, "metadata", "annotations")
    key = at(notes, ENTRY) or at(item, "metadata", "name") or words[0]
    zone = str(at(item, "spec", "timeZone") or "UTC")
    entry = Found(str(key), words[0], (), zone, words[1:])
    number = str(at(notes, NUMBER) or 1)
    written = str(at(item, "spec", "schedule") or "")
    expression = _expression(written, at(notes, SCHEDULE))
    return _One(entry, int(number) if number.isdecimal() else 1, expression)


def is_suspended(item: object) -> bool:
    """Whether nobody starts it; our reader of YAML has its words as text."""
    return str(at(item, "spec", "suspend")).lower() == "true"


def _expression(written: str, noted: object) -> str:
    """What was declared, as long as what stands there says the same."""
    try:
        return str(noted) if noted is not None and translated(str(noted)) == written else written
    except ValueError:
        return written


def _words(job: object, *, is_ours: bool) -> tuple[str, ...]:
    """The words after `maint` of the container that runs it; none where no container does."""
    for container in sequence(at(job, "template", "spec", "containers")):
        command = [str(word) for word in sequence(at(container, "command"))]
        words = [*command, *(str(word) for word in sequence(at(container, "args")))]
        named = [PurePosixPath(word).name == "maint" for word in command]
        image = str(at(container, "image")).partition("@")[0].rpartition("/")[2].partition(":")[0]
        if any(named):
            words = words[named.index(True) + 1 :]
        elif command or not (image == "maint" or (is_ours and at(container, "name") == "maint")):
            continue
        plain = tuple(word.replace("$$", "$") for word in words)
        parts = at(job, "completions") if at(job, "completionMode") == "Indexed" else 1
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


def at(node: object, *keys: str) -> Any:
    """What is below `keys`; None where that is nothing."""
    for key in keys:
        if not isinstance(node, dict):
            return None
        node = cast("dict[str, object]", node).get(key)
    return node


def sequence(node: object) -> list[object]:
    """`node` where it is a list, else none."""
    return cast("list[object]", node) if isinstance(node, list) else []
