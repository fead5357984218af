"""Where rendered schedules go, and what is said of what they leave out."""

import sys
from collections.abc import Collection, Iterable, Mapping, Sequence

from maintcli.config.database import ALL
from maintcli.config.say import bare
from maintcli.config.scheduler import BY_HAND, Settings
from maintcli.config.suggest import hint
from maintcli.errors import ConfigError, Refused, Usage
from maintcli.runtime.log import printable
from maintcli.schedules.model import Entry, Rendered
from maintcli.schedules.targets import TARGETS


def targets(given: str | None, *, every: bool) -> list[str]:
    """The names of the targets that are meant. Raises Usage."""
    if given is None and every:
        return list(TARGETS)
    if given is None:
        raise Usage(reason=f"Name the scheduler: --target {'|'.join(TARGETS)}.")
    if given not in TARGETS:
        raise Usage(reason=f"--target: there is no {bare(given)}; {hint(given, TARGETS)}")
    return [given]


def at(entries: Sequence[Entry], database: str | None, known: Collection[str]) -> list[Entry]:
    """`entries`, each for `database`, unless its options name one. Raises Usage."""
    if database is None:
        return [*entries]
    if database == ALL:
        raise Usage(
            reason="--database all: say so in maint.toml, beside a timeout for all of them:"
            ' options = ["--database", "all"].'
        )
    if database not in known:
        raise Usage(reason=f"--database: there is no {bare(database)}; {hint(database, known)}")
    return [
        entry
        if any(word.partition("=")[0] == "--database" for word in entry.options)
        else entry._replace(options=("--database", database, *entry.options), added=2)
        for entry in entries
    ]


def complain(made: Mapping[str, Rendered], idle: Sequence[str], *, strict: bool) -> None:
    """Say on standard error what is left out; `idle` for every target. Raises Refused for the same
    with `strict`, and ConfigError for the only target where nothing can be rendered for it.
    """
    for name, rendered in made.items():
        if rendered.refused and len(made) == 1:
            raise ConfigError(reason=f"{name}: {rendered.notes[0]}")
    left = [f"{name}: {note}" for name, rendered in made.items() for note in rendered.notes]
    notes = [*idle, *left]
    if notes and strict:
        raise Refused(reason=f"--strict: nothing was written. {' '.join(notes)}")
    say(notes)


def say(notes: Iterable[str]) -> None:
    """Say them on standard error."""
    for note in notes:
        sys.stderr.write(f"maint: {printable(note)}\n")


def advise(entries: Sequence[Entry], names: Sequence[str], settings: Settings) -> None:
    """Say on standard error what had better be otherwise, though it is allowed."""
    from maintcli.schedules.advice import advise as found

    scheduled = "github" in names and settings.start != BY_HAND
    for one in found(entries, "github" if scheduled else None):
        sys.stderr.write(f"maint: advice: {printable(str(one))}\n")


def together(files: Mapping[str, str]) -> str:
    """One text, with the name over each file where there are several."""
    if len(files) == 1:
        return next(iter(files.values()))
    return "\n".join(f"# ==> {path} <==\n{text}" for path, text in files.items())


def only_kubernetes(target: str) -> None:
    """Raise Usage for a scheduler whose jobs can be run by hand with any option."""
    if target != "kubernetes":
        raise Usage(
            reason=f"--target {bare(target)}: only Kubernetes needs a Job for that; elsewhere call"
            " maint itself."
        )


def once(entry: Entry, options: Sequence[str], settings: Settings, deployed: str | None) -> str:
    """The manifest of a Job, made of the CronJob in the file `deployed` where that is given."""
    from maintcli.schedules.targets import kubernetes

    if deployed is None:
        return kubernetes.one_off(entry, options, settings)
    from maintcli.cli import asking

    (text,) = asking.read([deployed]).values()
    return kubernetes.from_deployed(text, entry, options)
