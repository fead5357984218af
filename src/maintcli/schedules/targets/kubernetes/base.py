"""The base: a kustomization, a file for each CronJob, the configuration, and an example beside."""

from collections.abc import Iterable, Sequence
from string import Template
from typing import Final

from maintcli.schedules.entry import Entry, Note, Rendered, Settings
from maintcli.schedules.targets.comments import comment
from maintcli.schedules.targets.header import header
from maintcli.schedules.targets.kubernetes.cron import comes_twice, translated
from maintcli.schedules.targets.kubernetes.cronjob import cronjob
from maintcli.schedules.targets.kubernetes.job import CONFIG
from maintcli.schedules.targets.kubernetes.names import names
from maintcli.schedules.targets.kubernetes.passwords import refuse_passwords
from maintcli.schedules.targets.kubernetes.readyz import readyz
from maintcli.schedules.targets.needed import further, held, key
from maintcli.schedules.targets.yaml.scalar import scalar

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

_NO_SETTINGS: Final = "# Nothing is set, so each job has its defaults.\n"


def render(entries: Sequence[Entry], settings: Settings) -> Rendered:
    """All files below the base's folder. Raises ConfigError for a password in maint.toml."""
    files, notes = dict[str, str](), list[Note]()
    named = names(entries)
    for entry in entries:
        for number, expression in enumerate(entry.expressions):
            written = translated(expression)
            if written is None:
                notes.append(_cannot(entry, expression))
                continue
            if not entry.repeatable and comes_twice(expression, entry.zone):
                notes.append(_twice(entry, expression))
            name = named[entry.key, number]
            files[f"{name}.yaml"] = cronjob(entry, number, name, written, settings)
    others = {
        "kustomization.yaml": _kustomization(entries, files, notes, settings),
        "maint.toml": _config(settings),
        "example-readyz.yaml": readyz(settings),
    }
    return Rendered({**others, **files}, notes)


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
