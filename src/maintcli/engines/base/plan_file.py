"""The file between `--dry-run --plan` and `--apply`: what was counted, of what, by which settings.

It holds no row and no secret. Its checksum covers the settings, so that a file changed by hand is
noticed, and two settings can be told apart at a glance.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from maintcli.config.files import replace
from maintcli.errors import Usage

FORMAT = 1
_LARGEST_BYTES = 4 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One setting that a run was counted by: which rows of `table` were stale, before `cutoff`."""

    table: str
    column: str
    older_than: str
    condition: str
    cutoff: str

    @property
    def setting(self) -> dict[str, str]:
        """What must be the same when the plan is applied; the cutoff moves with the clock."""
        return {name: value for name, value in asdict(self).items() if name != "cutoff"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A dry run's figures: `rows` of each swept table, and those that go with them (`cascaded`).

    `system` identifies the server's cluster, None where the role may not ask for it. `shard` is the
    part that was counted, as `0/4`, None for the whole. `complete` is False where a figure took too
    long to count.
    """

    job: str
    database: str
    host: str
    system: str | None
    made_at: datetime
    rules: tuple[Rule, ...]
    rows: Mapping[str, int]
    cascaded: Mapping[str, int]
    complete: bool = True
    shard: str | None = None

    @property
    def config_hash(self) -> str:
        """Twelve hexadecimal digits over the job, its settings, and which part it is."""
        settings = sorted(json.dumps(rule.setting, sort_keys=True) for rule in self.rules)
        hashed = [self.job, settings, *([self.shard] if self.shard else [])]
        return sha256(json.dumps(hashed).encode()).hexdigest()[:12]


def write(path: Path, plan: Plan) -> None:
    """Write `plan`, whole or not at all. Raises Usage."""
    try:
        replace(path, json.dumps(_as_dict(plan), indent=2) + "\n")
    except OSError as error:
        raise Usage(f"--plan {path} cannot be written: {error.strerror}.") from None


def read(path: Path) -> Plan:
    """Read a plan. Raises Usage where there is no such file, and where it is no plan."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise Usage(f"--apply {path} cannot be read: {error.strerror}.") from None
    try:
        return _plan(json.loads(content[:_LARGEST_BYTES].decode()))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        clause = (
            str(error) if isinstance(error, _NotOursError) else "it is damaged, or of another kind"
        )
        raise Usage(
            f"--apply {path} is no plan that maint can use: {clause}. Make one with"
            " --dry-run --plan FILE."
        ) from None


class _NotOursError(ValueError):
    """Said in the message as it stands."""


def _as_dict(plan: Plan) -> dict[str, Any]:
    return {
        "maint_plan": FORMAT,
        "job": plan.job,
        "database": {"name": plan.database, "host": plan.host, "system": plan.system},
        "made_at": plan.made_at.isoformat(),
        "config_hash": plan.config_hash,
        "shard": plan.shard,
        "rules": [asdict(rule) for rule in plan.rules],
        "rows": dict(plan.rows),
        "cascaded": dict(plan.cascaded),
        "complete": plan.complete,
    }


def _plan(found: Any) -> Plan:
    version = found["maint_plan"]
    if version != FORMAT:
        raise _NotOursError(f"its format is {version}, and this maint knows {FORMAT}")
    made_at = datetime.fromisoformat(_text(found["made_at"]))
    plan = Plan(
        job=_text(found["job"]),
        database=_text(found["database"]["name"]),
        host=_text(found["database"]["host"]),
        system=None if found["database"]["system"] is None else _text(found["database"]["system"]),
        made_at=made_at if made_at.tzinfo else made_at.replace(tzinfo=UTC),
        rules=tuple(_rule(rule) for rule in found["rules"]),
        rows=_figures(found["rows"]),
        cascaded=_figures(found["cascaded"]),
        complete=found["complete"] is True,
        shard=None if found["shard"] is None else _text(found["shard"]),
    )
    if found["config_hash"] != plan.config_hash:
        raise _NotOursError("it was changed after it was made")
    return plan


def _rule(found: Any) -> Rule:
    return Rule(**{name: _text(found[name]) for name in Rule.__slots__})


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _figures(value: Any) -> dict[str, int]:
    figures = cast("dict[str, Any]", value)
    if not isinstance(value, dict) or any(type(n) is not int or n < 0 for n in figures.values()):
        raise TypeError
    return figures
