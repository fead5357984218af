"""Every error and every exit code of maint; no other file knows a number.

A class says which exit code and which outcome an error leads to; its sentence is written where it
is raised. A class of its own is for what some code catches.
"""

from collections.abc import Iterable, Sequence
from enum import IntEnum, StrEnum
from typing import ClassVar


class Outcome(StrEnum):
    """How a run ended, as the ledger records it."""

    RUNNING = "running"
    SUCCESS = "success"
    SKIPPED = "skipped"
    PARTIAL = "partial"
    REFUSED = "refused"
    FAILED = "failed"
    TIMEOUT = "timeout"
    INTERRUPTED = "interrupted"
    LOST = "lost"

    @property
    def is_failure(self) -> bool:
        """Whether this outcome adds to a job's consecutive failures."""
        return self in _FAILURES


_FAILURES = {Outcome.PARTIAL, Outcome.REFUSED, Outcome.FAILED, Outcome.TIMEOUT, Outcome.LOST}


class Code(IntEnum):
    """An exit code with its meaning and what schedulers should do on seeing it.

    The numbers follow sysexits.h where it has one, `timeout(1)` for 124, and
    128 + signal for the two signals.
    """

    meaning: str
    kubernetes: str
    systemd: str

    def __new__(cls, value: int, meaning: str, kubernetes: str, systemd: str) -> "Code":
        code = int.__new__(cls, value)
        code._value_ = value
        code.meaning, code.kubernetes, code.systemd = meaning, kubernetes, systemd
        return code

    OK = 0, "done, nothing to do, or skipped", "-", "ok"
    FAILED = 1, "the job failed; a health check failed; readyz is stale", "Count", "restart"
    USAGE = 2, "wrong usage", "FailJob", "prevent"
    PARTIAL = 3, "finished, but some items failed for good", "FailJob", "prevent"
    REFUSED = 65, "refused by a guard", "FailJob", "prevent"
    UNREACHABLE = 69, "database or service unreachable", "Count", "restart"
    BUG = 70, "a bug in maint or in a job", "FailJob", "prevent"
    TRY_AGAIN = (
        75,
        "try again: deadlock, lock timeout, serialization failure, throttled out, no free slot, "
        "lease lost, or held by another run with --if-locked fail",
        "Count",
        "restart",
    )
    PRIVILEGE = 77, "a privilege is missing", "FailJob", "prevent"
    CONFIG = 78, "the configuration is wrong", "FailJob", "prevent"
    TIMEOUT = 124, "the job's own deadline passed with work unfinished", "FailJob", "prevent"
    SIGINT = (
        130,
        "interrupted by SIGINT; rolled back and recorded",
        "Ignore on DisruptionTarget, else Count",
        "restart",
    )
    SIGTERM = (
        143,
        "interrupted by SIGTERM; rolled back and recorded",
        "Ignore on DisruptionTarget, else Count",
        "restart",
    )


_GRAVITY = (
    Code.SIGINT,
    Code.SIGTERM,
    Code.BUG,
    Code.CONFIG,
    Code.PRIVILEGE,
    Code.UNREACHABLE,
    Code.FAILED,
    Code.TIMEOUT,
    Code.REFUSED,
    Code.USAGE,
    Code.PARTIAL,
    Code.TRY_AGAIN,
    Code.OK,
)


def gravest(codes: Iterable[Code]) -> Code:
    """The code that several runs in one process end with; OK where there are none.

    A signal comes first, since whoever sent it waits for that answer; then what is wrong with the
    installation and hits every job; then what befell one job; last what the next run mends.
    """
    return min(codes, key=_GRAVITY.index, default=Code.OK)


class MaintError(Exception):
    """What ends a command: one sentence that says what is wrong, where, and what to do.

    `statements` are SQL that mends it, shown below the sentence, to be pasted into psql.
    """

    code: ClassVar[Code] = Code.FAILED
    outcome: ClassVar[Outcome] = Outcome.FAILED

    def __init__(self, sentence: str, *, statements: Sequence[str] = ()) -> None:
        super().__init__(sentence)
        self.statements = statements
        self.in_json = False  # whether the command has printed an object that tells of it

    @property
    def exit_code(self) -> Code:
        """The process's exit code; only an interrupt depends on its signal."""
        return self.code


class Fail(MaintError):
    """The job failed."""


class Partial(MaintError):
    """The job finished, but some items failed for good."""

    code = Code.PARTIAL
    outcome = Outcome.PARTIAL


class Skip(MaintError):
    """There is nothing to do for this run."""

    code = Code.OK
    outcome = Outcome.SKIPPED


class Bug(MaintError):
    """Maint, or a job of another package, is wrong."""

    code = Code.BUG


class Usage(MaintError):
    """The command line is wrong."""

    code = Code.USAGE


class Refused(MaintError):
    """A guard refuses."""

    code = Code.REFUSED
    outcome = Outcome.REFUSED


class DeadlinePassed(MaintError):
    """The deadline passed with work unfinished."""

    code = Code.TIMEOUT
    outcome = Outcome.TIMEOUT


class Interrupted(MaintError):
    """SIGINT or SIGTERM, by name as `signal`, stopped the run; `left` says what it leaves."""

    outcome = Outcome.INTERRUPTED

    def __init__(self, signal: str, left: str = "") -> None:
        super().__init__(f"Stopped by {signal}{left}.")
        self.signal = signal

    @property
    def exit_code(self) -> Code:
        """130 for SIGINT, 143 for SIGTERM."""
        return Code[self.signal]


class ConfigError(MaintError):
    """The configuration is wrong, or something that it names."""

    code = Code.CONFIG


class NoOpenSchema(ConfigError):
    """The search path names no schema that is open to this role."""


class NoToolkitTables(ConfigError):
    """The toolkit's own tables are not there."""


class NoSuchColumn(ConfigError):
    """A table does not have the column that was named."""


class BadLocation(ConfigError):
    """There is no storage where a location says, or the location is no location."""


class MissingPrivilege(MaintError):
    """Something is not allowed to this role, user or login."""

    code = Code.PRIVILEGE


class MissingGrant(MissingPrivilege):
    """A GRANT on a table is missing; a run then looks for all that are."""


class Unreachable(MaintError):
    """A database, a service or a program does not answer."""

    code = Code.UNREACHABLE


class Unsent(Unreachable):
    """Nothing was sent, so that it may be sent again."""


class Untrusted(Unreachable):
    """A server has no certificate to be trusted; nothing was sent."""


class NoSuchFile(Unreachable):
    """A storage does not have the file."""


class TryAgain(MaintError):
    """The next run may succeed."""

    code = Code.TRY_AGAIN


class Held(TryAgain):
    """Another run has the lease."""


class LeaseLost(TryAgain):
    """The lease of this run has ended, so it may not write any more."""


class StillLocked(TryAgain):
    """A table stayed locked by others."""


class ThrottledOut(TryAgain):
    """Pauses took too much of the timeout."""
