"""The operator commands, as strings: which file, which line in --help, under which heading."""

from maintcli.registry import Entry

GROUPS = ("Watching", "Operating", "Setting up")


def _command(name: str, summary: str, group: str, *, attribute: str | None = None) -> Entry:
    return Entry(f"maintcli.cli.commands.{name}:{attribute or name}", summary, group)


COMMANDS: dict[str, Entry] = {
    "list": _command(
        "list",
        "List your jobs, when each is due, and how it last ended.",
        "Watching",
        attribute="list_",
    ),
    "status": _command(
        "status",
        "Show how each job is doing, and which are late.",
        "Watching",
    ),
    "history": _command("history", "Show past runs, the newest first.", "Watching"),
    "show": _command("show", "Show all that the ledger holds of one run.", "Watching"),
    "readyz": _command(
        "readyz",
        "Check that enabled jobs run and succeed; else exit with 1.",
        "Watching",
    ),
    "run": _command("run", "Run several jobs, and go on after a failure.", "Operating"),
    "run-entry": _command(
        "run_entry",
        "Run an entry of the schedule, with its own options.",
        "Operating",
    ),
    "trigger": _command("trigger", "Ask a backend to do its work, by one POST.", "Operating"),
    "pause": _command("pause", "Keep a job from running until it is resumed.", "Operating"),
    "resume": _command("resume", "Let a paused job run again.", "Operating"),
    "restore": _command(
        "restore", "Put back the rows that a run archived and removed.", "Operating"
    ),
    "archives": _command(
        "archives", "List the archives of removed rows, and remove old ones.", "Operating"
    ),
    "init": _command(
        "init",
        "Look for tables that jobs know, and write a first maint.toml.",
        "Setting up",
    ),
    "demo": _command(
        "demo",
        "Take a tour on a PostgreSQL of its own.",
        "Setting up",
    ),
    "schedule": _command(
        "schedule",
        "Show when jobs are due, and write and check it for a scheduler.",
        "Setting up",
    ),
    "db": _command("db", "Make, check and drop maint's own tables.", "Setting up"),
    "config": _command("config", "Write a configuration, or show the one in force.", "Setting up"),
    "secret": _command("secret", "Print a new secret: 32 random bytes in hex.", "Setting up"),
    "plugins": _command(
        "plugins",
        "List jobs of other packages, and which may run.",
        "Setting up",
    ),
}
