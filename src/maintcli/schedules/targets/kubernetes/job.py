"""Jobs: the spec of one (what runs, how long, how often), and a Job made once by hand.

The one made by hand has options that its CronJob has not.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from hashlib import sha256
from string import Template
from textwrap import indent
from typing import Any, Final

from maintcli import __version__
from maintcli.config.duration import Duration
from maintcli.config.scheduler import Settings
from maintcli.errors import Code, ConfigError, Usage
from maintcli.schedules.model import Entry
from maintcli.schedules.targets.text import listed, scalar, secret_key

IMAGE: Final = "registry.example.com/maint"
SECRET: Final = "maint"  # noqa: S105 - the name of one
CONFIG: Final = "maint-config"
WAIT: Final = "--if-locked=wait"
_RETRIES: Final = 2
_START_SECONDS: Final = 60  # to find a node, pull the image and start the container
_END_SECONDS: Final = 30  # from SIGTERM to SIGKILL; a run ends within 5, a batch, and 8 to say so
_FIRST_WAIT_SECONDS: Final = 10  # before the first retry; doubled with each, by Kubernetes itself
_FINAL: Final = "FailJob"
# A name is a DNS label of at most 52 characters, since a Job's name adds 11 to them; of 48 for an
# Indexed Job, whose pods have the number of their part behind.
MOST_CHARACTERS: Final = 52
MOST_OF_INDEXED: Final = 48
_NOT_IN_A_LABEL: Final = re.compile(r"[^a-z0-9]+")
_HASH_CHARACTERS: Final = 8
KEPT_SECONDS: Final = 86_400
_ALONE: Final = {"--dry-run", "--shard"}

_SPEC: Final = Template("""\
$attempts
activeDeadlineSeconds: $deadline  # above the job's own timeout, and enough for all tries
template:
  metadata:
    labels:
      app.kubernetes.io/name: maint
      app.kubernetes.io/component: $component
  spec:
    restartPolicy: Never
    terminationGracePeriodSeconds: $end
    automountServiceAccountToken: false
    enableServiceLinks: false  # a Service called maint would set variables that maint reads
    securityContext:
      runAsNonRoot: true
      runAsUser: 65532
      runAsGroup: 65532
      seccompProfile:
        type: RuntimeDefault
    containers:
      - name: maint
        image: $image
$args
        env:
$env
          - name: MAINT_CONFIG
            value: /etc/maint/maint.toml
        resources:
          requests:
            cpu: 50m
            memory: 96Mi
          limits:
            memory: 256Mi
        securityContext:
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities:
            drop: [ALL]
        # A run ends by writing its report there; where it cannot, the end of the log stands in.
        terminationMessagePath: /dev/termination-log
        terminationMessagePolicy: FallbackToLogsOnError
        volumeMounts:
          - name: config
            mountPath: /etc/maint
            readOnly: true
    volumes:
      - name: config
        configMap:
          name: $config""")

_INDEXED: Final = """\
completionMode: Indexed  # each pod does the part whose number it gets
completions: {completions}
parallelism: {parallelism}
backoffLimitPerIndex: {backoffLimitPerIndex}
"""
_SEVERAL: Final = """\
backoffLimit: {backoffLimit}
"""
_POLICY: Final = """\
podFailurePolicy:
  rules:
    - action: Ignore  # evicted, or its node was drained: that is no failure of the job
      onPodConditions:
        - type: DisruptionTarget
          status: "True"
    - action: {action}  # another try would end alike; what no rule names is tried again
      onExitCodes:
        containerName: maint
        operator: In
        values: [{codes}]"""
_ONCE: Final = """\
# Never started again: what it sends may have arrived, although it failed.
backoffLimit: 0"""
_VARIABLE: Final = """\
- name: {name}
  valueFrom:
    secretKeyRef:
      name: {secret}
      key: {key}"""

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


def spec(entry: Entry, component: str, settings: Settings) -> str:
    """The `spec` of a Job that runs `entry`, as YAML from the first column."""
    return _SPEC.substitute(
        attempts=_attempts(entry),
        deadline=limits(entry)["activeDeadlineSeconds"],
        component=scalar(component),
        end=_END_SECONDS,
        image=scalar(image(settings)),
        args=indent(listed("args", escaped(arguments(entry))), " " * 8),
        env=indent(_env(entry, settings), " " * 10),
        config=CONFIG,
    )


def limits(entry: Entry) -> Mapping[str, int]:
    """How long a Job of `entry` may take, how often it is tried, and how many pods share it."""
    retries = _RETRIES if entry.repeatable else 0
    found = {"activeDeadlineSeconds": _deadline(entry.timeout_seconds, retries)}
    if entry.parallelism == 1 or not entry.repeatable:
        return found | {"backoffLimit": retries}
    parts = entry.parallelism
    return found | {"completions": parts, "parallelism": parts, "backoffLimitPerIndex": retries}


def _deadline(timeout_seconds: float, retries: int) -> int:
    """Seconds that a Job may take with all its retries, each of which may use its whole timeout.

    Kubernetes counts them from the Job's start, so this is above what our own deadlines allow.
    """
    waits = sum(_FIRST_WAIT_SECONDS << retry for retry in range(retries))
    attempt = math.ceil(timeout_seconds) + _START_SECONDS + _END_SECONDS
    return (retries + 1) * attempt + waits


def _attempts(entry: Entry) -> str:
    if not entry.repeatable:
        return _ONCE
    is_indexed = entry.parallelism > 1  # a part of an Indexed Job fails alone, the others continue
    codes = ", ".join(str(int(code)) for code in Code if code.kubernetes == _FINAL)
    policy = _POLICY.format(action="FailIndex" if is_indexed else _FINAL, codes=codes)
    return (_INDEXED if is_indexed else _SEVERAL).format(**limits(entry)) + policy


def _env(entry: Entry, settings: Settings) -> str:
    secret = scalar(settings.secret or SECRET)
    return "\n".join(
        _VARIABLE.format(name=name, secret=secret, key=secret_key(name)) for name in entry.needs
    )


def image(settings: Settings) -> str:
    """The image as settings name it, else one that must be named in an overlay."""
    return settings.image or f"{IMAGE}:{__version__}"


def arguments(entry: Entry) -> tuple[str, ...]:
    """The command's words, and those that Kubernetes wants.

    A pod that replaces a killed one finds its lease still held and waits until it expires; if it
    were skipped, that would count as a success with the work undone. A trigger, which is never
    started again, does not wait.
    """
    words = entry.command
    if not entry.repeatable:
        return words
    given = [word for word in words if word.partition("=")[0] == "--if-locked"]
    if entry.parallelism > 1:
        words = (*words, "--shard", f"auto/{entry.parallelism}")
    return words if given else (*words, WAIT)


def escaped(words: Sequence[str]) -> tuple[str, ...]:
    """`words` as a container's `args`, where Kubernetes would fill in $(NAME)."""
    return tuple(word.replace("$", "$$") for word in words)


def label(text: str, taken: Iterable[str] = (), *, most: int = MOST_CHARACTERS) -> str:
    """`text` where it is a label and not taken; else the nearest, with a hash of `text`."""
    plain = _NOT_IN_A_LABEL.sub("-", text.lower()).strip("-")
    if plain == text and len(text) <= most and text not in taken:
        return text
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_CHARACTERS]
    room = most - _HASH_CHARACTERS - 1
    return f"{plain[:room].rstrip('-') or 'job'}-{digest}"


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
    `cronjob` was not rendered by maint.
    """
    once = _once(entry, options)
    try:
        found = json.loads(cronjob)
        metadata = dict(found["metadata"])
        job = deepcopy(found["spec"]["jobTemplate"]["spec"])
        container = next(c for c in job["template"]["spec"]["containers"] if c["name"] == "maint")
    except (ValueError, KeyError, TypeError, StopIteration, RecursionError):
        raise ConfigError(
            "That is not a CronJob of maint in JSON. Get it by: kubectl get cronjob"
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
