"""Every error and every exit code of maint; no other file knows a number.

An error's docstring is its message, with the facts given at the raise filled in;
its class says which exit code and which outcome it leads to.
"""

from collections.abc import Iterable, Sequence
from enum import IntEnum, StrEnum
from inspect import cleandoc
from typing import Any, ClassVar, cast


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
    """Something went wrong."""

    code: ClassVar[Code] = Code.FAILED
    outcome: ClassVar[Outcome] = Outcome.FAILED

    def __init__(self, sentence: str | None = None, **facts: object) -> None:
        """Take the one sentence a user reads; without it, fill `facts` into the docstring."""
        self.facts: dict[str, Any] = facts
        self.in_json = False  # whether the command has printed an object that tells of it
        if sentence is None:
            docstring = " ".join(cleandoc(type(self).__doc__ or "").split())
            sentence = docstring.format(**facts)
        super().__init__(sentence)

    @property
    def statements(self) -> Sequence[str]:
        """SQL that mends what is wrong, shown below the sentence, to be pasted into psql."""
        return cast("Sequence[str]", self.facts.get("statements", ()))

    @property
    def exit_code(self) -> Code:
        """The process's exit code; only an interrupt depends on its facts."""
        return self.code


class Fail(MaintError):
    """{reason}"""


class Partial(MaintError):
    """{reason}"""

    code = Code.PARTIAL
    outcome = Outcome.PARTIAL


class Skip(MaintError):
    """{reason}"""

    code = Code.OK
    outcome = Outcome.SKIPPED


class Bug(MaintError):
    """This is a bug in {whose} ({where}): {reason}. {look} for the traceback, and please report it
    to {whom}.
    """

    code = Code.BUG


class BrokenPlugin(MaintError):
    """The job {job} of another package ({target}) cannot be loaded: {reason}. Mend that package, or
    take it out of plugins in maint.toml.
    """

    code = Code.BUG


# -- usage and configuration ------------------------------------------------------------------


class Usage(MaintError):
    """{reason}"""

    code = Code.USAGE


class CannotDryRun(Usage):
    """{job} cannot show what it would do, so --dry-run is refused; nothing was run."""


class ConfigError(MaintError):
    """{reason}"""

    code = Code.CONFIG


class UntrustedPlugin(ConfigError):
    """{job} comes from the package {package}, which the configuration does not list. To trust it,
    write at the top of maint.toml: plugins = ["{package}"]
    """


class NoDatabase(ConfigError):
    """No database is configured. Set DATABASE_URL, or url under [{section}] in maint.toml;
    to try things out, DATABASE_URL=embedded: gives a private PostgreSQL.
    """


class BadDatabaseUrl(ConfigError):
    """The database URL from {origin} is not usable: {reason}."""


class NoEmbedded(ConfigError):
    """The embedded PostgreSQL cannot be used: {reason}."""


class NoToolkitTables(ConfigError):
    """The toolkit's own tables are not in schema {schema}. Run: maint db migrate
    (or use --no-ledger to run without lease and history).
    """


class NothingRecorded(ConfigError):
    """The toolkit's own tables are not in schema {schema}, so nothing is recorded there yet. Run:
    maint db migrate
    """


class NoOpenSchema(ConfigError):
    """The search path names no schema that exists and is open to this role. Set schema = "…" under
    [database] in maint.toml.
    """


class OldToolkitTables(ConfigError):
    """The toolkit's tables in schema {schema} are at version {found} and this maint needs
    {needed}. Run: maint db migrate
    """


class NewerToolkitTables(ConfigError):
    """The toolkit's tables in schema {schema} are at version {found}, newer than the {needed}
    that this maint knows. Upgrade maintcli.
    """


class ForeignTable(ConfigError):
    """{table} exists in schema {schema} and was not made by maint, so it stays untouched. Choose
    another place for the toolkit's tables: schema = "maint" under [{section}] in maint.toml, then
    maint db migrate.
    """


class UntrustedTable(ConfigError):
    """{table} in schema {schema} {what}: others could run code there with your rights. If it is
    maint's table all the same, run: {cure}; if not, choose another place for maint's tables:
    schema = "maint" under [{section}] in maint.toml, then maint db migrate.
    """


class ExampleExists(ConfigError):
    """The example is already in schema {schema}, so nothing changed. To remove it, run:
    maint db example --drop
    """


class SchemaInUse(ConfigError):
    """Schema {schema} already holds {tables}, so the example was not made and nothing changed. Give
    it a schema of its own: maint db example --schema NAME
    """


class NothingNamed(ConfigError):
    """{job} works only on what you name. Give {flag}, or {key} under [jobs.{job}] in {file}."""


class NoRetention(ConfigError):
    """There is no rule for retention-cleanup. Write one in {file}, for example:
    [[retention]] table = "public.audit_events", column = "created_at", keep = "13mo" (each on a
    line of its own).
    """


class NotACondition(ConfigError):
    """{setting} in {file} is no condition on the rows of {table}: {reason}."""


class NoSuchTable(ConfigError):
    """There is no table {table}{near} Name yours in {file}: {setting} = "schema.table"."""


class NoSuchColumn(ConfigError):
    """{table} has no column {column}. Name yours in {file}: {setting} = "…" (it has: {columns})."""


class StatusNotAllowed(ConfigError):
    """{table}.{column} cannot be {status!r} ({why}). Name the status of yours that means it:
    {setting} = "…" in {file}.
    """


class NotSweepable(ConfigError):
    """{table} is a {kind}; rows can be removed only from a table or a partitioned table. Name the
    table behind it in {file}: {setting} = "schema.table".
    """


class OwnTable(ConfigError):
    """{setting} names {table}, which is a table of maint itself. Remove it there; the old rows of
    maint's run history are deleted by: maint cleanup-run-history
    """


class ZoneUndeclared(ConfigError):
    """{table}.{column} is a timestamp without time zone, so its ages are ambiguous. Say which zone
    it is written in: {setting} = "UTC" in {file}.
    """


class NotATime(ConfigError):
    """{table}.{column} is of type {type}, which tells no age. Use a timestamptz, a timestamp, a
    date, or an integer with {setting} = "s" or "ms" in {file}.
    """


class NotAColumn(ConfigError):
    """{origin}: {text!r} names no column. Write "table.column" or "schema.table.column"."""


class NotAPair(ConfigError):
    """{origin}: {text!r} is no pair. Write "child.column -> parent.column", with one column on each
    side (keys of several columns cannot be followed), and "by column" behind it where the child's
    age is not in created_at.
    """


class SelfPair(ConfigError):
    """{origin}: {pair!r} looks for parents in the child's own table, where every deleted row would
    leave new orphans. Leave it out; a foreign key with ON DELETE CASCADE keeps such a table whole.
    """


class NoTableListed(ConfigError):
    """{origin}: {text!r} names the table {table}, which does not exist{near} Write the name as
    the database has it, or a key of [tables] in {file}.
    """


class NoColumnListed(ConfigError):
    """{origin}: {text!r} needs the column {column}, which {table} does not have (it has:
    {columns}).
    """


class NotListable(ConfigError):
    """{origin}: {table} is a {kind}; only the rows of a table or a partitioned table can be looked
    at again under a lock. Name the table behind it.
    """


class DifferentTypes(ConfigError):
    """{origin}: {child} is of type {child_type} and {parent} of type {parent_type}, so the values
    of one cannot be found in the other. Name columns of the same type.
    """


class BadLocation(ConfigError):
    """{origin}: {reason}."""


class NoTool(ConfigError):
    """{tool} is needed for that and cannot be run: {reason}. Install it, or hand over what it
    prints elsewhere: --deployed FILE.
    """


class NoStorage(ConfigError):
    """{location} needs a package that is not installed. Run: pip install 'maintcli[storage]'"""


class NoSuchArchive(ConfigError):
    """{location} holds no archive of run {run_id}: {reason}."""


class NoKeyForLinks(ConfigError):
    """{table} has no primary key, so references that a delete takes from it ({constraint}) could
    not be put back from an archive. Add a primary key, or sweep without --archive.
    """


class SchemaChanged(ConfigError):
    """{table} {change}, so nothing was restored. {remedy}"""


class NoDatabaseForLedger(ConfigError):
    """No database is configured that could hold the lease and the history. Set DATABASE_URL, or
    give --no-ledger to run without them.
    """


class BadAddress(ConfigError):
    """{origin}: {reason}."""


# -- the database --------------------------------------------------------------------------------


class Unreachable(MaintError):
    """The database cannot be reached: {reason}."""

    code = Code.UNREACHABLE


class ConnectionLost(Unreachable):
    """The connection to the database was lost and could not be made again: {reason}."""


class NoFirstAnswer(Unreachable):
    """The database cannot be reached: the connection was accepted, but no answer came for
    {seconds}. Behind a pooler, the server may be down, or the pool has no free connection.
    """


class ReadOnlyDatabase(Unreachable):
    """The database is read-only (a replica, or in recovery). Point DATABASE_URL at the primary."""


class ReservedColumn(ConfigError):
    """{table} has a column {column}, and names that begin with maint_ are maint's own in its SQL.
    Rename the column.
    """


class ReadOnlyByDefault(ConfigError):
    """The database is not a replica, but default_transaction_read_only is on, so maint writes
    nothing. If writing is meant to be allowed, {cure}
    """


class NotAllowed(MaintError):
    """{reason}"""

    code = Code.PRIVILEGE


class MissingPrivilege(NotAllowed):
    """Role {role} may not {privilege} {table}. Let the owner run:
    GRANT {privilege} ON {table} TO {role};
    """


class NotOwner(NotAllowed):
    """{table} in schema {schema} is owned by {owner}, so nothing was dropped. Run this command as
    {owner}, or as a superuser.
    """


class ClosedToolkitTables(NotAllowed):
    """This role may not write maint's tables in schema {schema}. Run: maint db check"""


class MissingPrivileges(NotAllowed):
    """Role {role} lacks privileges that {whose} on {tables}. Let a superuser, or the owner, run
    these statements.
    """


class ClosedSchema(NotAllowed):
    """Role {role} may not create tables in schema {schema}. Let a superuser, or the owner, run this
    statement, or run this command as a role that may; schema under [database] names another one.
    """


class ClosedPath(NotAllowed):
    """Role {role} may not look into schema {schema}, and its search path names no other one. Let a
    superuser, or the schema's owner, run this statement; schema under [database] names another one.
    """


class HiddenRows(NotAllowed):
    """Row-level security on {table} hides rows from role {role}, so a sweep would report success
    and leave them. Run as a role with BYPASSRLS, or as the owner without FORCE ROW LEVEL SECURITY.
    """


class CannotWatch(NotAllowed):
    """{origin} is set, and role {role} may not read the {what}, so nobody could keep that limit.
    Let a superuser run: GRANT pg_monitor TO {role}; or take the setting out.
    """


class TryAgain(MaintError):
    """{reason}"""

    code = Code.TRY_AGAIN


class Held(TryAgain):
    """already running (run {run_id} on {runner}); its lease ends {expires}."""


class StillLocked(TryAgain):
    """{table} was locked by {holder} for {waited}. {done}; the next run tries again."""


class RowsStayLocked(TryAgain):
    """A trigger or a foreign key waited for rows that other sessions hold locked; gave up after
    {waited}. What was done before that is kept ({deleted} rows), and the next run continues.
    """


class TableChanged(TryAgain):
    """{table} is not what it was when the run began: {change}. The run stopped there. What was done
    before is kept ({deleted} rows); the next run looks at the table anew.
    """


class ThrottledOut(TryAgain):
    """Throttled out: pauses took {waited}, half of the timeout, the last because {reason}. What was
    done before that is kept ({deleted} rows), and the next run goes on.
    """


class NoSlot(TryAgain):
    """No slot was free for {waited}: {limit} jobs are running already (max-concurrent-jobs)."""


class LeaseLost(TryAgain):
    """The lease of {job} ended while this run was held up, so it stopped without another write;
    another run may own the job now.
    """


class RunsGoOn(TryAgain):
    """{job} is running, so nothing was dropped. Wait for its end, and run this again."""


# -- storage -------------------------------------------------------------------------------------


class StorageFailed(MaintError):
    """{location} cannot be {deed}: {reason}."""

    code = Code.UNREACHABLE


class StorageFull(StorageFailed):
    """{location} has no room for more: {reason}. No row was deleted that is not kept there. Make
    room, or name another place, and run again: it goes on from here.
    """

    code = Code.CONFIG  # no second try makes room


class NoSuchFile(StorageFailed):
    """There is no file {file} in {location}."""


class ToolFailed(MaintError):
    """The command {command!r} did not answer: {reason}."""

    code = Code.UNREACHABLE


# -- what answers over HTTP ------------------------------------------------------------------------


class Unsent(MaintError):
    """{url} cannot be reached, and nothing was sent: {reason}."""

    code = Code.UNREACHABLE


class Untrusted(MaintError):
    """{url} has no certificate to be trusted, so nothing was sent: {reason}."""

    code = Code.UNREACHABLE


class NoAnswer(MaintError):
    """{url} gave no answer: {reason}. What was sent may have arrived, so it is not sent again."""

    code = Code.UNREACHABLE


class Unwell(MaintError):
    """{url} answered {status}{later}; the next run tries again."""

    code = Code.UNREACHABLE


class TurnedAway(NotAllowed):
    """{url} answered {status}: it does not take {login}. Check that both sides hold the same."""


class Elsewhere(Fail):
    """{url} answered {status}, which points to {location}; nothing was sent there. If that is the
    right place, write it into the url.
    """


class NotDone(Fail):
    """{url} answered {status}."""


# -- guards, deadline, signals -------------------------------------------------------------------


class Refused(MaintError):
    """{reason}"""

    code = Code.REFUSED
    outcome = Outcome.REFUSED


class StillNeeded(Refused):
    """Nothing was dropped: {what}. Drop what depends on it first."""


class DamagedFile(Refused):
    """{file} is not as it was archived: {reason}. Nothing of it was restored."""


class DeadlinePassed(MaintError):
    """The deadline of {timeout} passed with work unfinished; what was done is kept."""

    code = Code.TIMEOUT
    outcome = Outcome.TIMEOUT


class Interrupted(MaintError):
    """Stopped by {signal}; what was committed is kept, the rest was rolled back."""

    code = Code.SIGTERM
    outcome = Outcome.INTERRUPTED

    @property
    def exit_code(self) -> Code:
        """130 for SIGINT, 143 for SIGTERM."""
        return Code[str(self.facts["signal"])]


class InterruptedEarly(Interrupted):
    """Stopped by {signal} before the database was reached; nothing was changed."""


class DryRunInterrupted(Interrupted):
    """Stopped by {signal} in a dry run, which changes nothing."""


class CommandInterrupted(Interrupted):
    """Stopped by {signal}."""
