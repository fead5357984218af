"""Triggers that the configuration makes: [triggers.NAME] is `maint trigger NAME`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from maintcli import registry
from maintcli.cli import preload
from maintcli.config.duration import duration
from maintcli.errors import ConfigError
from maintcli.registry import Entry

if TYPE_CHECKING:
    from maintcli.config.model import Config
    from maintcli.config.triggers import Trigger
    from maintcli.runtime.context import Context
    from maintcli.runtime.job import Job
    from maintcli.schedules.model import Entry as Scheduled

COMMAND: Final = "trigger"
TIMEOUT: Final = duration("60s")


def commands() -> dict[str, Entry]:
    """The triggers, by the names of their jobs, for completion; none where nothing can be read."""
    try:
        return entries(preload.read())
    except ConfigError:
        return {}


def entries(config: "Config") -> dict[str, Entry]:
    """What the catalog would say of each trigger, by the name of its job."""
    return {
        name: Entry("", summary(trigger), registry.TRIGGER_GROUP)
        for name, trigger in config.triggers.items()
    }


def summary(trigger: "Trigger") -> str:
    """Its line in lists."""
    described = (trigger.section.text("description") or "").strip().partition("\n")[0]
    return described or f"Send the trigger {trigger.name}."


def job_of(trigger: "Trigger") -> "Job":
    """The job that the section makes."""
    from maintcli.runtime.job import Job
    from maintcli.runtime.options import common

    def body(context: "Context", _values: Mapping[str, Any]) -> object:
        from maintcli.engines.trigger.send import trigger as send

        return send(context, trigger)

    return Job(
        name=trigger.job,
        summary=summary(trigger),
        description=summary(trigger),
        group=registry.TRIGGER_GROUP,
        schedule=None,
        timeout=TIMEOUT,
        can_dry_run=True,
        options=(),
        common=common(TIMEOUT),
        body=body,
        needs_database=False,
    )


def planned(config: "Config", entry: "Scheduled", given: Mapping[str, object]) -> "Scheduled":
    """`entry` with what a scheduler must know of a trigger; any other as it is.

    It is started once only: an answer that was lost may mean that the POST arrived.
    """
    trigger = config.triggers.get(entry.job)
    if trigger is None:
        return entry
    ledger = () if given.get("no_ledger") else entry.secrets
    return entry._replace(
        words=(COMMAND, trigger.name),
        repeatable=False,
        secrets=tuple(dict.fromkeys((*ledger, *trigger.secrets))),
        variables=tuple(name for name in trigger.variables if name not in trigger.secrets),
    )


def check(config: "Config") -> None:
    """Raise ConfigError for a trigger whose job has the name of another job."""
    if not config.triggers:
        return
    packages = {name: package for package, name, _ in registry.plugins()}
    for name, trigger in config.triggers.items():
        taken = f"the job of [sweeps.{name}]" if name in config.sweeps else ""
        if name in packages:
            taken = f"a job of the package {packages[name]}"
        if taken:
            place = trigger.section.place()
            raise ConfigError(f"{place}: {name} is {taken}; choose another name.")
