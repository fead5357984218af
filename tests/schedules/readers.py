"""Rendered files read back by parsers that are not ours: PyYAML, tomllib, shlex."""

import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

import yaml

from maintcli.schedules.model import Entry
from maintcli.schedules.targets import crontab
from maintcli.schedules.targets.systemd_calendar import events


class Stated(NamedTuple):
    """What a file says of an entry; `job` is the first word of its command line."""

    key: str
    job: str
    expressions: tuple[str, ...]
    zone: str = "UTC"
    options: tuple[str, ...] = ()

    @classmethod
    def of(cls, entry: Entry) -> "Stated":
        """What a file that says all of `entry` is read back to."""
        command, *options = entry.command
        return cls(entry.key, command, entry.expressions, entry.zone, tuple(options))


def read(target: str, files: Mapping[str, str]) -> list[Stated]:
    """Every entry of the files, with its expressions in their order."""
    found: dict[tuple[Any, ...], list[str]] = {}
    for one in _READERS[target](files):
        key = one._replace(expressions=())
        found.setdefault(tuple(key), []).extend(one.expressions)
    return [Stated(*key)._replace(expressions=tuple(some)) for key, some in found.items()]


def values(text: str, key: str) -> tuple[str, ...]:
    """Every value of `key` in a unit of systemd."""
    return tuple(re.findall(rf"^{key}=(.*)$", text, re.MULTILINE))


def _crontab(files: Mapping[str, str]) -> Iterator[Stated]:
    (text,) = files.values()
    zone = re.findall(r"^# All times are (\S+), ", text, re.MULTILINE)[0]
    for line in crontab.lines(text):
        job, *options = line.words
        yield Stated(line.key, job, (line.when,), zone, tuple(options))


def _kubernetes(files: Mapping[str, str]) -> Iterator[Stated]:
    for path in yaml.safe_load(files["kustomization.yaml"])["resources"]:
        item = yaml.safe_load(files[path])
        notes, spec = item["metadata"]["annotations"], item["spec"]
        pod = spec["jobTemplate"]["spec"]["template"]["spec"]
        job, *options = [word.replace("$$", "$") for word in pod["containers"][0]["args"]]
        if options[-1:] == ["--if-locked=wait"]:
            options = options[:-1]
        if "completions" in spec["jobTemplate"]["spec"]:
            options = options[:-2]
        when = notes.get("maintcli/schedule", spec["schedule"])
        yield Stated(notes["maintcli/entry"], job, (when,), spec["timeZone"], tuple(options))


def _github(files: Mapping[str, str]) -> Iterator[Stated]:
    for text in files.values():
        found = yaml.load(text, yaml.BaseLoader)  # noqa: S506 - each scalar as text
        zones = {one["cron"]: one.get("timezone", "UTC") for one in found["on"].get("schedule", [])}
        for name, job in found["jobs"].items():
            given = job["steps"][-1].get("with")
            if given is None:
                continue
            named = re.findall(r"github\.event\.schedule == '([^']*)'", job.get("if", ""))
            crons = [cron for cron in named if cron in zones] if "if" in job else [*zones]
            zone = zones[crons[0]] if crons else "UTC"
            crons = [c if zones[c] == zone else f"{c} {zones[c]}" for c in crons]
            options = given.get("options", "").replace("${{ '${{' }}", "${{")
            yield Stated(
                job.get("name", name), given["job"], tuple(crons), zone, (*shlex.split(options),)
            )


def _systemd(files: Mapping[str, str]) -> Iterator[Stated]:
    """The expressions are systemd's: its calendar events."""
    for path, text in files.items():
        if not path.endswith(".timer"):
            continue
        name = path.removesuffix(".timer")
        (line,) = values(files[f"{name}.service"], "ExecStart")
        words = [_unescaped(quoted or bare) for quoted, bare in _WORD.findall(line)]
        _, job, *options = words
        times = values(text, "OnCalendar")
        yield Stated(name.removeprefix("maint-"), job, times, "", tuple(options))


_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')


def _unescaped(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        if match[1]:
            return chr(int(match[1], 16))
        return {"n": "\n", "r": "\r", "t": "\t"}.get(match[2], match[2])

    plain = text.replace("%%", "%").replace("$$", "$")
    return re.sub(r"\\x([0-9a-f]{2})|\\(.)", one, plain)


def as_systemd(entry: Entry) -> Stated:
    """What its units are read back to."""
    found = [events(one, entry.zone) or () for one in entry.expressions]
    times = tuple(dict.fromkeys(chain.from_iterable(found)))
    return Stated.of(entry)._replace(expressions=times, zone="")


def _railway(files: Mapping[str, str]) -> Iterator[Stated]:
    for path, text in files.items():
        if path.endswith(".toml"):
            key = re.findall(r"^# maint: (\S+)$", text, re.MULTILINE)[0]
            deploy = tomllib.loads(text)["deploy"]
            yield _started(key, deploy["startCommand"], deploy["cronSchedule"])


def _render(files: Mapping[str, str]) -> Iterator[Stated]:
    for path, text in files.items():
        for service in yaml.safe_load(text)["services"] if path.endswith(".yaml") else []:
            key = service["name"].removeprefix("maint-").partition("--")[0]
            command = service.get("dockerCommand") or service["startCommand"]
            yield _started(key, command, service["schedule"])


def _started(key: str, command: str, cron: str) -> Stated:
    name, job, *options = shlex.split(command)
    assert name == "maint"
    return Stated(key, job, (cron,), options=tuple(options))


_READERS = {
    "crontab": _crontab,
    "github": _github,
    "kubernetes": _kubernetes,
    "railway": _railway,
    "render": _render,
    "systemd": _systemd,
}
