"""What a Job is to do, for a CronJob and for one that is made by hand."""

from collections.abc import Sequence
from string import Template
from textwrap import indent
from typing import Final

from maintcli import __version__
from maintcli.schedules.entry import Entry, Settings
from maintcli.schedules.targets.kubernetes import limits
from maintcli.schedules.targets.kubernetes.rules import pod_failure_policy
from maintcli.schedules.targets.needed import key
from maintcli.schedules.targets.yaml.scalar import listed, scalar

IMAGE: Final = "registry.example.com/maint"
SECRET: Final = "maint"  # noqa: S105 - the name of one
CONFIG: Final = "maint-config"
WAIT: Final = "--if-locked=wait"

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
completions: {parts}
parallelism: {parts}
backoffLimitPerIndex: {retries}
{policy}"""
_SEVERAL: Final = """\
backoffLimit: {retries}
{policy}"""
_ONCE: Final = """\
# Never started again: what it sends may have arrived, though it ended otherwise.
backoffLimit: 0"""
_VARIABLE: Final = """\
- name: {name}
  valueFrom:
    secretKeyRef:
      name: {secret}
      key: {key}"""


def spec(entry: Entry, component: str, settings: Settings) -> str:
    """The `spec` of a Job that runs `entry`, as YAML from the first column."""
    retries = limits.RETRIES if entry.repeatable else 0
    return _SPEC.substitute(
        attempts=_attempts(entry),
        deadline=limits.job_deadline(entry.timeout_seconds, retries),
        component=scalar(component),
        end=limits.END_SECONDS,
        image=scalar(image(settings)),
        args=indent(listed("args", escaped(arguments(entry))), " " * 8),
        env=indent(_env(entry, settings), " " * 10),
        config=CONFIG,
    )


def _attempts(entry: Entry) -> str:
    if not entry.repeatable:
        return _ONCE
    parts = entry.parallelism
    policy = pod_failure_policy(indexed=parts > 1)
    form = _INDEXED if parts > 1 else _SEVERAL
    return form.format(parts=parts, retries=limits.RETRIES, policy=policy)


def _env(entry: Entry, settings: Settings) -> str:
    secret = scalar(settings.secret or SECRET)
    return "\n".join(
        _VARIABLE.format(name=name, secret=secret, key=key(name)) for name in entry.needs
    )


def image(settings: Settings) -> str:
    """The image as settings name it, else one that must be named in an overlay."""
    return settings.image or f"{IMAGE}:{settings.version or __version__}"


def arguments(entry: Entry) -> tuple[str, ...]:
    """The command's words, and those that Kubernetes wants; `declared` takes them off again.

    A pod that replaces a killed one finds its lease still held. It waits for that to end: skipped,
    it would have succeeded, and nobody would do the work. What is never started again waits for
    nobody.
    """
    words = entry.command
    if not entry.repeatable:
        return (*words, WAIT) if words[-1:] == (WAIT,) else words
    given = [word for word in words if word.partition("=")[0] == "--if-locked"]
    if entry.parallelism > 1:
        words = (*words, *_shard(entry.parallelism))
    return words if given and words[-1:] != (WAIT,) else (*words, WAIT)


def declared(words: tuple[str, ...], parts: str) -> tuple[str, ...]:
    """What `arguments` was made from; `parts` as the Job has it, "1" where it is not Indexed."""
    words = words[:-1] if words[-1:] == (WAIT,) else words
    return words[:-2] if parts != "1" and words[-2:] == _shard(parts) else words


def _shard(parts: int | str) -> tuple[str, str]:
    return "--shard", f"auto/{parts}"


def escaped(words: Sequence[str]) -> tuple[str, ...]:
    """`words` as a container's `args`, where Kubernetes would fill in $(NAME)."""
    return tuple(word.replace("$", "$$") for word in words)
