"""maint trigger"""

import inspect
from typing import Any

import typer

from maintcli import registry
from maintcli.cli.location import entries, location
from maintcli.cli.options import build, parameter, shared
from maintcli.config.duration import duration
from maintcli.config.messages import hint, quote
from maintcli.config.model import Config
from maintcli.config.triggers import PREFIX, Trigger
from maintcli.errors import Usage
from maintcli.runtime.context import common

_HELP = """Ask a backend to do its work, by one POST.

Where to, and with which secret, stands under [triggers.NAME] of maint.toml. The exit code is that
of the work: 3 where the answer says that some of it failed, 69 where there is no answer. It is sent
once: again only where no connection came about. To the ledger, and to pause, run and schedule, it
is the job trigger-NAME.
"""


def _complete() -> list[str]:
    return [
        name.removeprefix(PREFIX)
        for name, entry in entries().items()
        if entry.group == registry.TRIGGER_GROUP
    ]


def _run(**given: Any) -> None:
    config = location(given).read()
    trigger = _find(config, given.get("trigger"))
    options = {name: value for name, value in given.items() if name != "trigger"}
    from maintcli.cli.run import run_job

    raise typer.Exit(run_job(registry.job(config, trigger.job), options))


def _find(config: Config, name: str | None) -> Trigger:
    """The trigger called `name`. Raises Usage, with what may have been meant."""
    known = {trigger.name: trigger for trigger in config.triggers.values()}
    if not known:
        raise Usage(f"There is no trigger in {config.file}; write one: [triggers.NAME].")
    if name is None:
        raise Usage(f"Name the trigger; {hint('', known)}")
    if name not in known:
        near = name.removeprefix(PREFIX)
        raise Usage(f"There is no trigger {quote(name)}; {hint(near, known)}")
    return known[name]


_NAME = typer.Argument(
    metavar="NAME", help="The NAME of [triggers.NAME].", autocompletion=_complete
)

trigger = build(
    registry.TRIGGER,
    _HELP,
    [
        inspect.Parameter("trigger", inspect.Parameter.KEYWORD_ONLY, default=_NAME, annotation=str),
        *(
            parameter(f"{PREFIX}NAME", option, "triggers.NAME")
            for option in common(duration(registry.TRIGGER_TIMEOUT))
        ),
        *shared(),
    ],
    _run,
)
