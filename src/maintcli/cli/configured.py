"""Sweeps that the configuration makes: [sweeps.NAME] is `maint NAME`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from maintcli import registry
from maintcli.cli import preload
from maintcli.cli.lazy import LazyCommand
from maintcli.cli.table import COMMANDS
from maintcli.errors import ConfigError, Usage
from maintcli.registry import Entry

if TYPE_CHECKING:
    from maintcli.config.model import Config
    from maintcli.config.rules import ConfiguredSweep
    from maintcli.runtime.job import Job

MAX_PERCENT = 50.0  # the guard of a sweep that nobody has tested


def commands() -> dict[str, Entry]:
    """The configured sweeps, for --help and completion.

    None where the configuration cannot be read: to say so is for the command that needs it.
    """
    try:
        return entries(preload.read())
    except ConfigError:
        return {}


def entries(config: "Config") -> dict[str, Entry]:
    """What the catalog would say of each configured sweep; there is no module behind it."""
    return {
        name: Entry("", summary(sweep), registry.CONFIGURED_GROUP)
        for name, sweep in config.sweeps.items()
    }


def find(name: str, arguments: Sequence[str] = ()) -> LazyCommand | None:
    """The command of the sweep called `name`; `arguments` may say which configuration has it.

    Raises ConfigError where that cannot be read, Usage where the name is nearly that of a sweep.
    """
    config = preload.read(arguments)
    sweep = config.sweeps.get(name)
    if sweep is not None:
        return LazyCommand(name, summary(sweep), registry.CONFIGURED_GROUP, lambda: _command(sweep))
    if name in config.triggers:
        words = f"maint trigger {config.triggers[name].name}"
        raise Usage(f"There is no command {name!r}; did you mean: {words}?")
    from maintcli.config.messages import closest

    near = closest(name, [*config.sweeps, *registry.JOBS, *COMMANDS])
    if near in config.sweeps:
        raise Usage(f"There is no command {name!r}; did you mean {near}?")
    return None


def summary(sweep: "ConfiguredSweep") -> str:
    """Its line in --help."""
    rule = sweep.rule
    described = (sweep.description or "").strip().partition("\n")[0]
    return described or f"Delete rows of {rule.table} {rule.keep} after their {rule.column}."


def job_of(sweep: "ConfiguredSweep") -> "Job":
    """The job that the section makes, declared as the built-in ones are."""
    from maintcli.api import Annotated, Duration, Opt, Run, Swept, job
    from maintcli.config.rules import KEEP
    from maintcli.engines.retention import stale

    def body(
        run: Run, *, keep: Annotated[Duration, Opt(KEEP.help, min=KEEP.min)] = sweep.rule.keep
    ) -> Swept:
        return run.sweeps([stale(sweep.rule, keep)])

    body.__doc__ = (sweep.description or "").strip() or summary(sweep)
    declare = job(
        name=sweep.name, group=registry.CONFIGURED_GROUP, schedule=None, max_percent=MAX_PERCENT
    )
    return declare(body)


def check(config: "Config") -> None:
    """Raise ConfigError for a sweep whose name is that of another command."""
    if not config.sweeps:
        return
    packages = {name: package for package, name, _ in registry.plugins()}
    for name in config.sweeps:
        place = f"{config.file} {config.section(name).header}"
        if name in registry.JOBS or name in COMMANDS:
            raise ConfigError(f"{place}: {name} is a command of maint; choose another name.")
        if name in packages:
            raise ConfigError(
                f"{place}: {name} is a job of the package {packages[name]}; choose another name."
            )


def _command(sweep: "ConfiguredSweep") -> Any:
    from maintcli.cli.job import command_of

    return command_of(job_of(sweep), part="sweeps")
