"""Kubernetes: a Kustomize base with a CronJob for each expression of each entry.

Its configuration is a ConfigMap, which all who may read the namespace see, so a maint.toml with a
password is refused.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from string import Template
from typing import Final, cast
from urllib.parse import parse_qsl, urlsplit

from maintcli.config.messages import bare
from maintcli.config.scheduler import Settings
from maintcli.db.url import parse
from maintcli.errors import ConfigError
from maintcli.schedules.model import Entry, Note, Rendered
from maintcli.schedules.targets.kubernetes.cronjob import cronjobs
from maintcli.schedules.targets.kubernetes.job import CONFIG, SECRET
from maintcli.schedules.targets.text import comment, further, header, held, scalar, secret_key

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
_VARIABLE: Final = re.compile(r"(?<!\$)\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}")
_SECRET: Final = re.compile(
    r"(?i)passw|secret|token|api[-_]?key|access[-_]?key|credential|signature"
)
_DATABASE: Final = ("password", "sslpassword", "oauth_client_secret")
_IN_QUERY: Final = {"code", "key", "sig"}  # of addresses that are secret themselves
_ELSEWHERE: Final = ("env:", "file:")
# For what is no URL that we know, or a comment.
_IN_URL: Final = re.compile(r"://[^\s/@\"']*:[^@\"']+@")
_ASSIGNED: Final = re.compile(
    r"(?i)\b\w*(?:passw(?:or)?d|token|(?:secret_access|api)_key|secret(?!\s*=\s*[\"']))"
    r"\s*=\s*(?![\"']?(?:env:|file:|&)|\"\"|'')\S"
)
_NAMES: Final = {("schedule", "secret")}  # it is the name of a Secret
_CONDITION: Final = "where"
_COLUMNS: Final = "tables"  # what stands there are names of columns
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
        needs=held(
            "The Secret holds", (f"{name} ({secret_key(name)})" for name in further(entries))
        ),
        namespace=f"namespace: {scalar(settings.namespace)}\n" if settings.namespace else "",
        resources="".join(f"\n  - {scalar(name)}" for name in files) or " []",
        config=CONFIG,
        left_out="".join(f"{comment(str(note))}\n" for note in notes),
    )


def _config(settings: Settings) -> str:
    _refuse_passwords(settings.config)
    text = settings.config or _NO_SETTINGS
    return text if text.endswith("\n") else f"{text}\n"


def _refuse_passwords(text: str) -> None:
    """Raise ConfigError for the first value, or comment, of maint.toml that holds a password."""
    for path, value in _values(tomllib.loads(text)):
        if path[0] != _COLUMNS and path not in _NAMES and _holds(path[-1], value):
            header = f"[{'.'.join(map(bare, path[:-1]))}] " if path[1:] else ""
            raise _refused(f"maint.toml {header}{bare(path[-1])}")
    for number, line in enumerate(text.splitlines(), start=1):
        _, hash_, comment = line.partition("#")
        plain = _filled(comment, "")
        if hash_ and (_IN_URL.search(plain) or _ASSIGNED.search(plain)):
            raise _refused(f"Line {number} of maint.toml, in a comment,")


def _refused(place: str) -> ConfigError:
    return ConfigError(
        f"{place} holds a password, and all who may read the ConfigMap would see it."
        ' Take it from the environment: url = "${DATABASE_URL}".'
    )


def _values(node: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every text below `node`, with the keys that lead to it."""
    if isinstance(node, dict):
        for key, value in cast("dict[str, object]", node).items():
            yield from _values(value, (*path, key))
    elif isinstance(node, list):
        for value in cast("list[object]", node):
            yield from _values(value, path)
    elif isinstance(node, str):
        yield path, node


def _holds(key: str, text: str) -> bool:
    if any(_SECRET.search(name) and default for name, default in _VARIABLE.findall(text)):
        return True
    if text.strip().startswith(_ELSEWHERE):
        return False
    if _SECRET.search(key) and _VARIABLE.sub("", text).strip():
        return True
    if key == _CONDITION:
        return _IN_URL.search(_filled(text, "")) is not None
    # Twice, with different placeholders for variables: a password made of them alone is none.
    ones, twos = (_passwords(_filled(text, mark)) for mark in "12")
    if ones is None or twos is None:
        plain = _filled(text, "")
        return bool(_IN_URL.search(plain) or _ASSIGNED.search(plain))
    return any(set(one) != {"1"} or set(two) != {"2"} for one, two in zip(ones, twos, strict=True))


def _filled(text: str, mark: str) -> str:
    """`text` with its defaults, and `mark` for each variable that has none."""
    return _VARIABLE.sub(lambda found: found[2] or mark, text)


def _passwords(text: str) -> list[str] | None:
    """Those of a URL, as the program that reads it understands it; None for what is no URL."""
    if text.startswith(("http://", "https://")):
        return [*_of_address(text)]
    try:
        found = parse(text, "maint.toml")
    except ConfigError:
        return None
    return [found[key] for key in _DATABASE if key in found]


def _of_address(text: str) -> Iterable[str]:
    try:
        parts = urlsplit(text)
        login = (parts.username, parts.password)
    except ValueError:
        return
    yield from filter(None, login)
    for key, value in parse_qsl(parts.query):
        if _SECRET.search(key) or key in _IN_QUERY:
            yield value
