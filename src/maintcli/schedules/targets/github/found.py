"""What a workflow starts, read from its text."""

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Final, cast

from maintcli.schedules.entry import Found
from maintcli.schedules.targets.github.expression import constant, unescaped
from maintcli.schedules.targets.yaml.reader import documents

_SELECTS: Final = re.compile(r"github\.event\.schedule\s*==\s*'((?:[^']|'')*)'")


def parse(files: Mapping[str, str]) -> list[Found]:
    """Every job of the workflows that runs one of maint, also where people wrote it themselves.

    One whose condition names no cron is started by each of its workflow's. The zone is that of
    its first cron; behind a cron of another zone stands that. Raises ValueError, with file and
    line, for what cannot be read.
    """
    found: list[Found] = []
    for path, text in files.items():
        try:
            for document in documents(text):
                found += _found(_mapping(document))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    return found


def _found(workflow: Mapping[str, object]) -> Iterable[Found]:
    scheduled = [_mapping(one) for one in _list(_mapping(workflow.get("on")), "schedule")]
    zones = {str(one.get("cron")): str(one.get("timezone", "UTC")) for one in scheduled}
    for name, value in _mapping(workflow.get("jobs")).items():
        job = _mapping(value)
        for step in _list(job, "steps"):
            given = _mapping(_mapping(step).get("with"))
            if "job" not in given:
                continue
            named = [constant(one) for one in _SELECTS.findall(str(job.get("if", "")))]
            selected = [one for one in named if one in zones]
            by_each = not named and "inputs.job" not in str(job.get("if", ""))
            crons = [*zones] if by_each else selected
            zone = zones[crons[0]] if crons else "UTC"
            yield Found(
                key=unescaped(str(job.get("name", name))),
                job=unescaped(str(given["job"])),
                expressions=tuple(_with_zone(cron, zones[cron], zone) for cron in crons),
                zone=zone,
                options=tuple(shlex.split(unescaped(str(given.get("options", ""))))),
            )


def _with_zone(cron: str, zone: str, first: str) -> str:
    return cron if zone == first else f"{cron} {zone}"


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}


def _list(mapping: Mapping[str, object], key: str) -> list[object]:
    value = mapping.get(key)
    return cast("list[object]", value) if isinstance(value, list) else []
