"""What a run has to say at its end: one object for people, JSON, ledger and observers."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from maintcli.errors import Code, Outcome


@dataclass(kw_only=True)
class Report:
    """A run's end. `counts` are the job's own figures; JSON shows them flat beside the rest.

    `backlog` is the number of items that were due and are left, None where nobody knows. `shard`
    (`0/4`) and `run_group` are blank for a run that is a whole.
    `retention` are the ages that it swept by, once its guards let it. `is_recorded` once the ledger
    has a row of it; `ledger_missing` where it should have one, and the work was done without.
    `statements` are SQL that mends what `message` says. `traceback` is for the ledger alone, and
    empty but for a bug.
    """

    job: str
    run_id: str
    dry_run: bool
    started_at: datetime
    outcome: Outcome = Outcome.SUCCESS
    exit_code: Code = Code.OK
    message: str = ""
    duration_ms: int = 0
    backlog: int | None = None
    statements: list[str] = field(default_factory=list[str])
    warnings: list[str] = field(default_factory=list[str])
    counts: dict[str, Any] = field(default_factory=dict[str, Any])
    retention: dict[str, str] = field(default_factory=dict[str, str])
    lease_lost: bool = False
    shard: str = ""
    run_group: str = ""
    is_recorded: bool = False
    ledger_missing: bool = False
    traceback: str = ""

    @property
    def success(self) -> bool:
        """Whether the process exits with 0."""
        return self.exit_code == Code.OK

    @property
    def remedy(self) -> dict[str, list[str]]:
        """The statements that mend what the message says, where there are any."""
        return {"statements": self.statements} if self.statements else {}

    def as_dict(self) -> dict[str, Any]:
        """The JSON object of `--json`, its order being the order of reading."""
        return {
            "job": self.job,
            "run_id": self.run_id,
            "success": self.success,
            "outcome": self.outcome.value,
            "exit_code": int(self.exit_code),
            "message": self.message,
            **self.remedy,
            "started_at": self.started_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "duration_ms": self.duration_ms,
            "dry_run": self.dry_run,
            "backlog": self.backlog,
            "warnings": self.warnings,
            **({"recorded": False} if self.ledger_missing else {}),
            **({"shard": self.shard} if self.shard else {}),
            **({"run_group": self.run_group} if self.run_group else {}),
            **self.counts,
        }
