"""One CronJob."""

from string import Template
from textwrap import indent
from typing import Final

from maintcli.schedules.entry import Entry, Settings
from maintcli.schedules.targets.comments import comment
from maintcli.schedules.targets.kubernetes import limits
from maintcli.schedules.targets.kubernetes.job import spec
from maintcli.schedules.targets.yaml.scalar import scalar

ENTRY: Final = "maintcli/entry"
SCHEDULE: Final = "maintcli/schedule"
NUMBER: Final = "maintcli/number"  # of the expression, where its entry has several

_CRONJOB: Final = Template("""\
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


def cronjob(entry: Entry, number: int, name: str, written: str, settings: Settings) -> str:
    """The file of one expression of `entry`, by its number from 0.

    `written` is how Kubernetes has to be told it.
    """
    expression = entry.expressions[number]
    annotations = {ENTRY: entry.key}
    if number:
        annotations[NUMBER] = str(number + 1)
    if written != expression:
        annotations[SCHEDULE] = expression
    lines = [f"{key}: {scalar(value)}" for key, value in annotations.items()]
    return _CRONJOB.substitute(
        summary=comment(entry.summary or entry.job),
        name=scalar(name),
        annotations=indent("\n".join(lines), " " * 4),
        schedule=scalar(written),
        zone=scalar(entry.zone),
        starting=limits.starting_deadline(expression, entry.zone),
        spec=indent(spec(entry, name, settings), " " * 6),
    )
