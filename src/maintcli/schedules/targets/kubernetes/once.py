"""A Job made once by hand, with arguments that no CronJob has."""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from string import Template
from textwrap import indent
from typing import Any, Final

from maintcli.config.duration import Duration
from maintcli.config.scheduler import Settings
from maintcli.errors import ConfigError, Usage
from maintcli.schedules.model import Entry
from maintcli.schedules.targets.kubernetes.cronjob import MOST_OF_INDEXED, label
from maintcli.schedules.targets.kubernetes.job import arguments, escaped, limits, spec
from maintcli.schedules.targets.text import scalar

KEPT_SECONDS: Final = 86_400
_ALONE: Final = {"--dry-run", "--shard"}

_JOB: Final = Template("""\
# kubectl create -f - takes this, and makes a new Job each time; apply does not.
apiVersion: batch/v1
kind: Job
metadata:
  generateName: $name
${namespace}\
  labels:
    app.kubernetes.io/name: maint
    app.kubernetes.io/component: $component
spec:
  ttlSecondsAfterFinished: $kept
$spec
""")


def one_off(entry: Entry, options: Sequence[str], settings: Settings) -> str:
    """A manifest that runs the job of `entry` once with `options` in place of its own.

    As many pods share it as its CronJob has; one alone does a dry run, or a shard that is named.
    Raises Usage for a `--timeout` that cannot be read.
    """
    once = _once(entry, options)
    name = label(entry.key, most=MOST_OF_INDEXED)
    return _JOB.substitute(
        name=scalar(f"{name}-now-"),
        component=scalar(name),
        namespace=f"  namespace: {scalar(settings.namespace)}\n" if settings.namespace else "",
        kept=KEPT_SECONDS,
        spec=indent(spec(once, name, settings), "  "),
    )


def from_deployed(cronjob: str, entry: Entry, options: Sequence[str]) -> str:
    """The same, but of a CronJob as it is deployed: `kubectl get cronjob NAME -o json`.

    What an overlay has changed (image, resources, secrets) is kept. Raises ConfigError where
    `cronjob` is none of ours.
    """
    once = _once(entry, options)
    try:
        found = json.loads(cronjob)
        metadata = dict(found["metadata"])
        job = deepcopy(found["spec"]["jobTemplate"]["spec"])
        container = next(c for c in job["template"]["spec"]["containers"] if c["name"] == "maint")
    except (ValueError, KeyError, TypeError, StopIteration, RecursionError):
        raise ConfigError(
            "That is no CronJob of maint in JSON. Get it by: kubectl get cronjob"
            f" {label(entry.key)} -o json"
        ) from None
    container["args"] = list(escaped(arguments(once)))
    if once.parallelism == 1:
        _undivided(job)
    job |= {"ttlSecondsAfterFinished": KEPT_SECONDS}
    job |= {"activeDeadlineSeconds": limits(once)["activeDeadlineSeconds"]}
    made = _manifest(metadata, label(entry.key, most=MOST_OF_INDEXED), job)
    return f"{json.dumps(made, indent=2)}\n"


def _manifest(metadata: Mapping[str, Any], name: str, job: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: metadata[key] for key in ("namespace", "labels") if key in metadata}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"generateName": f"{name}-now-", **kept},
        "spec": job,
    }


def _once(entry: Entry, options: Sequence[str]) -> Entry:
    given = {option.partition("=")[0] for option in options}
    return entry._replace(
        options=tuple(options),
        parallelism=1 if given & _ALONE else entry.parallelism,
        timeout_seconds=_timeout(options) or entry.timeout_seconds,
    )


def _timeout(options: Sequence[str]) -> float | None:
    """The `--timeout` among the options, which Kubernetes must grant, too."""
    text = None
    for option, following in zip(options, [*options[1:], ""], strict=False):
        if option.partition("=")[0] == "--timeout":
            text = option.partition("=")[2] or following
    try:
        return None if text is None else Duration.parse(text).approx_seconds
    except ValueError as error:
        raise Usage(f"--timeout: {error}.") from None


def _undivided(job: dict[str, Any]) -> None:
    """Make an Indexed Job an ordinary one."""
    if job.get("completionMode") != "Indexed":
        return
    for key in ("completionMode", "completions", "parallelism"):
        job.pop(key, None)
    job["backoffLimit"] = job.pop("backoffLimitPerIndex", None) or 0
    for rule in job.get("podFailurePolicy", {}).get("rules", []):
        rule["action"] = "FailJob" if rule["action"] == "FailIndex" else rule["action"]
