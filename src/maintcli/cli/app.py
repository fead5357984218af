"""The root of the command line, and what it says of an error."""

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer
from typer.core import TyperCommand

from maintcli import __version__, registry
from maintcli.cli import location
from maintcli.cli.text_options import TextGroup
from maintcli.config.messages import sentence
from maintcli.errors import Code, Fail, Interrupted, MaintError, Usage

if TYPE_CHECKING:
    from maintcli.runtime.context import Job

_FOLLOWING = "maintcli.following"


class LazyCommand(TyperCommand):
    """A promise of a command: known by name and summary, loaded when it is called or completed."""

    def __init__(self, name: str, entry: registry.Entry, loader: Callable[[], Any]) -> None:
        super().__init__(name, short_help=entry.summary, help=entry.summary)
        self.group = entry.group
        self.load = loader

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Load the real command and hand over: the context is its own."""
        return self.load().make_context(info_name, args, parent=parent, **extra)


class Root(TextGroup):
    """`maint`: the operator commands and the jobs of the registry."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.misuse: MaintError | None = None
        for name, entry in registry.JOBS.items():
            self.add_command(_job(name, entry, partial(registry.load, entry)))
        for name, entry in registry.COMMANDS.items():
            self.add_command(LazyCommand(name, entry, partial(registry.load, entry)))

    def list_commands(self, ctx: Any) -> list[str]:
        """Every name, for completion."""
        return list(_everything())

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Remember what follows the command's name: its --config may be what lists a plugin."""
        ctx.meta[_FOLLOWING] = args[1:]
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The promise of a command, or None.

        Plugins and configured sweeps are looked for where no built-in has the name.
        """
        if cmd_name in self.commands:
            return self.commands[cmd_name]
        try:
            return _found(cmd_name, ctx.meta.get(_FOLLOWING, ()))
        except MaintError:
            if ctx.resilient_parsing:  # the shell completes a line: nobody reads what is wrong
                return None
            raise

    def invoke(self, ctx: Any) -> Any:
        """Run the command; Ctrl-C is ours to answer, before Typer makes an exit code of 1 of it.

        What is wrong with the command line is Typer's to say, and for --json remembered.
        """
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted("SIGINT") from None
        except Exception as error:
            self.misuse = misused(error)
            raise

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands under their headings."""
        commands = _everything()
        made = (registry.CONFIGURED_GROUP, registry.PLUGIN_GROUP)
        for group in (*registry.JOB_GROUPS, *made, *registry.COMMAND_GROUPS):
            rows = [
                (name, entry.summary) for name, entry in commands.items() if entry.group == group
            ]
            if rows:
                with formatter.section(group):
                    formatter.write_dl(rows)


def _everything() -> dict[str, registry.Entry]:
    """Every command; a trigger is none."""
    jobs = location.entries().items()
    made = {name: entry for name, entry in jobs if entry.group != registry.TRIGGER_GROUP}
    return {**made, **registry.COMMANDS}


def _found(name: str, following: Sequence[str]) -> LazyCommand | None:
    config = location.read_ahead(following)
    entry = registry.command(config, name)
    return entry and _job(name, entry, partial(registry.job, config, name))


def _job(name: str, entry: registry.Entry, load: Callable[[], Any]) -> LazyCommand:
    def loader() -> Any:
        from maintcli.cli.options import command

        job = load()
        part = "sweeps" if entry.group == registry.CONFIGURED_GROUP else "jobs"
        return command(job.name, job.description, job.settings, partial(_run, job), part=part)

    return LazyCommand(name, entry, loader)


def _run(job: "Job", /, **given: Any) -> None:
    from maintcli.cli.run import run_job  # and with it the database: --help needs none

    raise typer.Exit(run_job(job, given))


app = typer.Typer(
    cls=Root,
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Each command explains itself: maint COMMAND --help",
)


def _version(wanted: bool) -> None:  # noqa: FBT001  Typer's way of calling back
    if wanted:
        typer.echo(f"maint {__version__}")
        raise typer.Exit


_VERSION = typer.Option(
    "--version", is_eager=True, callback=_version, help="Print the version and exit."
)


@app.callback()
def root(*, version: Annotated[bool, _VERSION] = False) -> None:
    """Maintenance jobs for PostgreSQL that run once and exit with the truth."""


def run(arguments: Sequence[str]) -> int:
    """Run `arguments` and return the exit code; no error leaves as a traceback."""
    command = cast("Root", typer.main.get_command(app))
    try:
        command.main(args=list(arguments), prog_name="maint")
    except SystemExit as exit_:
        if command.misuse:
            put_failure(arguments, command.misuse)
        return exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    except MaintError as error:
        return _complain(error, arguments)
    except KeyboardInterrupt:
        return Code.SIGINT
    except BrokenPipeError:
        sys.stderr.close()
        return Code.OK
    except Exception as error:  # the last line of defence: a bug is one sentence too
        from maintcli.runtime.report import AGAIN, bug

        found = bug(error, look=AGAIN)
        if "-v" in arguments or "--verbose" in arguments:
            put_failure(arguments, found)
            raise
        return _complain(found, arguments)
    return Code.OK


def _complain(error: MaintError, arguments: Sequence[str]) -> int:
    from maintcli.runtime.log import printable

    lines = [f"maint: {error}", *error.statements]
    sys.stderr.write("".join(f"{printable(line)}\n" for line in lines))
    put_failure(arguments, error)
    return error.exit_code


# Commands that run a job, and its name where that is known by then.
_RUNNERS: Final = {"restore": "restore", "trigger": None, "run-entry": None}
_OF_ALL: Final = ("success", "outcome", "exit_code", "message", "statements")


def put_failure(arguments: Sequence[str], error: MaintError) -> None:
    """Print an object if `arguments` ask for JSON: for a job as of any run, but with no run_id.

    Nothing where standard output is what failed.
    """
    words = [*takewhile(lambda word: word != "--", arguments)]
    if "--json" not in words or error.in_json:
        return
    from maintcli.output.out import as_json, put
    from maintcli.runtime.log import printable
    from maintcli.runtime.report import Report

    name = words[0]
    report = Report(
        job=name,
        run_id="",
        dry_run=not {"--dry-run", "-n"}.isdisjoint(words),
        started_at=datetime.now(UTC),
        outcome=error.outcome,
        exit_code=error.exit_code,
        message=printable(str(error)),
        statements=[printable(statement) for statement in error.statements],
    )
    found = {**report.as_dict(), "run_id": None, "job": _RUNNERS.get(name, name)}
    if name in registry.COMMANDS and name not in _RUNNERS:
        found = {key: found[key] for key in _OF_ALL if key in found}
    with suppress(Fail):
        put(as_json(found))


def misused(error: Exception) -> Usage | None:
    """What Typer says is wrong with the command line; None where the error is another."""
    said = getattr(error, "format_message", None)
    return Usage(sentence(str(said()))) if callable(said) else None
