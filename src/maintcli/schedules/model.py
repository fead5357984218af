"""What every target is given, and what it gives back."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

DATABASE_URL: Final = "DATABASE_URL"
RUN_ENTRY: Final = "run-entry"
"""The command that runs an entry by its key."""


class Entry(NamedTuple):
    """One thing that a scheduler is to start: a job, its options, and when it is due."""

    key: str  # unique: the job's name, or the name of a [[schedules]] entry
    job: str
    summary: str = ""
    expressions: tuple[str, ...] = ()  # cron, five fields, with H already resolved
    zone: str = "UTC"
    timeout_seconds: float = 1800.0
    options: tuple[str, ...] = ()  # further words of the command line: ("--stale-after", "2m")
    added: int = 0  # how many of the options, the first, come from what rendered it
    every: str | None = None  # as written: "15m"; the expressions say the same
    heavy: bool = False  # a sweep: one that may be divided among several processes
    parallelism: int = 1  # how many processes share it, where the target can (Indexed Job)
    is_default: bool = False  # no schedule is given: these are the times that the job brings
    words: tuple[str, ...] = ()  # what the command line calls the job; empty: its name
    repeatable: bool = True  # False: started once only, whatever becomes of it
    secrets: tuple[str, ...] = (DATABASE_URL,)  # variables it needs that may say file:PATH, too
    variables: tuple[str, ...] = ()  # further ones, taken as they stand

    @property
    def command(self) -> tuple[str, ...]:
        """The words after `maint`."""
        return (*(self.words or (self.job,)), *self.options)

    @property
    def short_command(self) -> tuple[str, ...]:
        """The same where the configuration is at hand, which has the options."""
        return (RUN_ENTRY, self.key, *self.options[: self.added])

    @property
    def needs(self) -> tuple[str, ...]:
        """Every variable that it needs from where it runs."""
        return (*self.secrets, *self.variables)


class Note(NamedTuple):
    """What a target cannot express of an entry, and the nearest that it can; both are clauses."""

    key: str
    what: str
    nearest: str = ""

    def __str__(self) -> str:
        return f"{self.key}: {self.what}" + (f"; {self.nearest}" if self.nearest else "") + "."


class Rendered(NamedTuple):
    """The files of one target, by their path below its folder, and what they leave out.

    `refused`: there are none until what the notes ask for is given.
    """

    files: Mapping[str, str]
    notes: Sequence[Note] = ()
    refused: bool = False
