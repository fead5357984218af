"""The base: a kustomization, a file for each CronJob, the configuration, and an example."""

from collections.abc import Iterable, Sequence
from string import Template
from typing import Final

from maintcli.config.scheduler import Settings
from maintcli.schedules.model import Entry, Note, Rendered
from maintcli.schedules.targets.kubernetes.cronjob import cronjobs
from maintcli.schedules.targets.kubernetes.job import CONFIG, SECRET
from maintcli.schedules.targets.kubernetes.passwords import refuse_passwords
from maintcli.schedules.targets.text import comment, further, header, held, key, scalar

_KUSTOMIZATION: Final = Template("""\
$header
# A Kustomize base: a CronJob for each scheduled job of maint. Change maint.toml, and render again.
# It wants a Secret that holds DATABASE_URL under the key database-url, and an image of your own:
# docs/kubernetes.md.
${needs}apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
${namespace}\
resources:$resources
configMapGenerator:
  - name: $config
    files:
      - maint.toml
generatorOptions:
  disableNameSuffixHash: true  # each run has a pod of its own, which reads the newest anyway
$left_out""")
_READYZ: Final = Template("""\
# An example, and no part of the base: a pod of your application that is ready only while jobs are
# being run. Take over what is marked; maint must be installed in the application's image.
# A pod that is not ready gets no traffic. Where that is too much to ask of a job, let a Deployment
# of one pod with the image of maint, and without a Service, have this probe, and watch that.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: application
spec:
  replicas: 2
  selector:
    matchLabels:
      app.kubernetes.io/name: application
  template:
    metadata:
      labels:
        app.kubernetes.io/name: application
    spec:
      automountServiceAccountToken: false
      securityContext:
        runAsNonRoot: true
        seccompProfile:
          type: RuntimeDefault
      containers:
        - name: application
          image: registry.example.com/application:1
          readinessProbe:  # take over
            exec:
              command: [maint, readyz, --only, jobs]
            periodSeconds: 60
            timeoutSeconds: 15
            failureThreshold: 3
          env:  # take over
            - name: JOB_HEARTBEAT_REQUIRED
              value: "true"
            - name: DATABASE_URL
              valueFrom:
                secretKeyRef:
                  name: $secret
                  key: database-url
            - name: MAINT_CONFIG
              value: /etc/maint/maint.toml
          resources:
            requests:
              cpu: 100m
              memory: 128Mi
            limits:
              memory: 256Mi
          securityContext:
            allowPrivilegeEscalation: false
            capabilities:
              drop: [ALL]
          volumeMounts:  # take over
            - name: maint
              mountPath: /etc/maint
              readOnly: true
      volumes:  # take over
        - name: maint
          configMap:
            name: $config
""")
_NO_SETTINGS: Final = "# Nothing is set, so each job has its defaults.\n"


def render(entries: Sequence[Entry], settings: Settings) -> Rendered:
    """All files below the base's folder. Raises ConfigError for a password in maint.toml."""
    found, notes = cronjobs(entries)
    files = {f"{one.name}.yaml": one.manifest(settings) for one in found}
    readyz = _READYZ.substitute(secret=scalar(settings.secret or SECRET), config=CONFIG)
    others = {
        "kustomization.yaml": _kustomization(entries, files, notes, settings),
        "maint.toml": _config(settings),
        "example-readyz.yaml": readyz,
    }
    return Rendered({**others, **files}, notes)


def _kustomization(
    entries: Sequence[Entry], files: Iterable[str], notes: Iterable[Note], settings: Settings
) -> str:
    return _KUSTOMIZATION.substitute(
        header=header("kustomization.yaml", "kubernetes"),
        needs=held("The Secret holds", (f"{name} ({key(name)})" for name in further(entries))),
        namespace=f"namespace: {scalar(settings.namespace)}\n" if settings.namespace else "",
        resources="".join(f"\n  - {scalar(name)}" for name in files) or " []",
        config=CONFIG,
        left_out="".join(f"{comment(str(note))}\n" for note in notes),
    )


def _config(settings: Settings) -> str:
    refuse_passwords(settings.config)
    text = settings.config or _NO_SETTINGS
    return text if text.endswith("\n") else f"{text}\n"
