"""CronJobs: one for each expression of each entry, in the words of Kubernetes.

Kubernetes takes github.com/robfig/cron: Sunday is 0 and never 7; there is no last and no nth day;
and the two fields of days must both match only where one of them has a plain star, while Debian's
cron is content with one that begins with a star.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from string import Template
from textwrap import indent
from typing import Final, NamedTuple

from maintcli.config.scheduler import Settings
from maintcli.schedules import cron, zones
from maintcli.schedules.fields import DAYS, WEEKDAYS, fields, normal
from maintcli.schedules.model import Entry, Note
from maintcli.schedules.targets.kubernetes.job import (
    MOST_CHARACTERS,
    MOST_OF_INDEXED,
    label,
    spec,
)
from maintcli.schedules.targets.text import comment, header, scalar

ENTRY: Final = "maintcli/entry"
NUMBER: Final = "maintcli/number"  # of the expression, where its entry has several
_SCHEDULE: Final = "maintcli/schedule"  # as declared, where Kubernetes needs another spelling
_OTHER_FILES: Final = ("kustomization", "example-readyz")
_LATEST_SECONDS: Final = 3600
_ANY_TIME: Final = datetime(2026, 1, 1, tzinfo=UTC)

_CRONJOB: Final = Template("""\
$header
$summary
apiVersion: batch/v1
kind: CronJob
metadata:
  name: $name
  labels:
    app.kubernetes.io/name: maint
    app.kubernetes.io/component: $name
  annotations:
$annotations
spec:
  schedule: $schedule
  timeZone: $zone
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: $starting
  successfulJobsHistoryLimit: 1
  failedJobsHistoryLimit: 3
  jobTemplate:
    metadata:
      labels:
        app.kubernetes.io/name: maint
        app.kubernetes.io/component: $name
    spec:
$spec
""")


class CronJob(NamedTuple):
    """One expression of an entry, by its number from 1."""

    entry: Entry
    number: int
    name: str
    schedule: str  # in the words of Kubernetes

    @property
    def expression(self) -> str:
        """As it was declared."""
        return self.entry.expressions[self.number - 1]

    @property
    def starting_deadline(self) -> int:
        """Seconds after which a missed start is given up: the next is due, or an hour is over."""
        period = cron.period(self.expression, self.entry.zone, _ANY_TIME) or _LATEST_SECONDS
        return int(min(period, _LATEST_SECONDS))

    def manifest(self, settings: Settings) -> str:
        """Its file."""
        annotations = {ENTRY: self.entry.key}
        if self.number > 1:
            annotations[NUMBER] = str(self.number)
        if self.schedule != self.expression:
            annotations[_SCHEDULE] = self.expression
        lines = [f"{key}: {scalar(value)}" for key, value in annotations.items()]
        return _CRONJOB.substitute(
            header=header(f"{self.name}.yaml", "kubernetes"),
            summary=comment(self.entry.summary or self.entry.job),
            name=scalar(self.name),
            annotations=indent("\n".join(lines), " " * 4),
            schedule=scalar(self.schedule),
            zone=scalar(self.entry.zone),
            starting=self.starting_deadline,
            spec=indent(spec(self.entry, self.name, settings), " " * 6),
        )


def cronjobs(entries: Sequence[Entry]) -> tuple[list[CronJob], list[Note]]:
    """Those of all entries, and what Kubernetes cannot express."""
    found: list[CronJob] = []
    notes: list[Note] = []
    named = _names(entries)
    for entry in entries:
        for number, expression in enumerate(entry.expressions, start=1):
            schedule = translated(expression)
            if schedule is None:
                notes.append(_cannot(entry, expression))
                continue
            if not entry.repeatable and comes_twice(expression, entry.zone):
                notes.append(_twice(entry, expression))
            found.append(CronJob(entry, number, named[entry.key, number], schedule))
    return found, notes


def _cannot(entry: Entry, expression: str) -> Note:
    _, _, day, _, weekday = expression.upper().split()
    if any(mark in day for mark in "LW"):
        nearest = "every month has a 28th day"
    elif any(mark in weekday for mark in "L#"):
        nearest = "every week has that weekday"
    else:
        nearest = "a plain star in one of the two fields of days would do"
    return Note(entry.key, f'Kubernetes cannot say "{expression}", which is left out', nearest)


def _twice(entry: Entry, expression: str) -> Note:
    what = f"when the clocks of {entry.zone} go back, Kubernetes starts {expression!r} twice"
    return Note(entry.key, what, 'the nearest is another hour, or timezone = "UTC"')


def translated(expression: str) -> str | None:
    """The expression that is due there when `expression` is due in Debian's cron.

    None where there is none.
    """
    found = fields(expression)
    if found is None:
        return None
    minute, hour, day, month, weekday = normal(expression).split()
    each_day, each_weekday = found.days >= set(DAYS), found.weekdays >= set(WEEKDAYS)
    if found.either and (each_day or each_weekday):
        day = weekday = "*"
    elif not found.either and not (each_day or each_weekday):
        return None
    day, weekday = ("*" if each_day else day), ("*" if each_weekday else weekday)
    return f"{minute} {hour} {day} {month} {weekday}"


def comes_twice(expression: str, zone: str) -> bool:
    """Whether it is started both times that an hour comes when the clocks go back.

    Not so what is due in each hour, since that is as far apart then as ever.
    """
    if zones.difference(zone, "UTC") is not None or zones.shifted(expression, zone, "UTC"):
        return False
    for moment, before, after in zones.changes(zone):
        if after < before:
            begin = moment - (before - after)
            due = cron.next_time(expression, zone, begin - timedelta(minutes=1))
            if due is not None and due < moment:
                return True
    return False


def _names(entries: Sequence[Entry]) -> dict[tuple[str, int], str]:
    """A name for each expression of each entry, by the entry's key and the expression's number.

    They depend on the keys alone: a changed schedule changes a CronJob and makes no new one.
    """
    keys = {entry.key for entry in entries}
    found: dict[tuple[str, int], str] = {}
    for entry in entries:
        for number in range(1, len(entry.expressions) + 1):
            wanted = entry.key if number == 1 else f"{entry.key}-{number}"
            taken = keys - {entry.key} if number > 1 else ()
            most = MOST_OF_INDEXED if entry.parallelism > 1 else MOST_CHARACTERS
            found[entry.key, number] = label(wanted, (*_OTHER_FILES, *taken), most=most)
    return found
