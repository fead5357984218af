"""[tables.KEY], [sweeps.NAME] and [[retention]]: what tables are called, which rows are kept."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, cast

from maintcli.config.duration import Duration
from maintcli.config.messages import bare, quote
from maintcli.config.option import Kind, Option
from maintcli.config.scheduler import TIMING_KEYS, check_timing
from maintcli.config.section import NAME, Numbered, Section
from maintcli.errors import ConfigError

Epoch = Literal["s", "ms"]
EPOCHS: Final[tuple[Epoch, ...]] = ("s", "ms")
"""What an integer counts since 1970: seconds, milliseconds."""
_TABLE_KEYS: Final = ("name", "columns", "statuses", "timezone", "epoch")
STATUSES: Final = (
    "abandoned",
    "completed",
    "delivered",
    "failed",
    "pending",
    "received",
    "running",
)
"""The statuses of the reference schema that built-in jobs look for, or set."""
_AS_THERE: Final[Mapping[str, str]] = MappingProxyType({})


class TableMap(NamedTuple):
    """How the user calls one table of the reference schema; None and empty mean: as there.

    `rule` is the header of the rule that brought its own table, where not [tables.KEY] maps one.
    `file` is where that stands, for a message.
    """

    name: str | None = None
    columns: Mapping[str, str] = _AS_THERE
    timezone: str | None = None
    epoch: Epoch | None = None
    rule: str | None = None
    statuses: Mapping[str, str] = _AS_THERE
    file: str = "maint.toml"

    def column(self, key: str) -> str:
        """The user's name of the reference schema's column `key`."""
        return self.columns.get(key, key)

    def status(self, key: str) -> str:
        """The user's name of the reference schema's status `key`."""
        return self.statuses.get(key, key)

    def setting(self, table: str, key: str) -> str:
        """Where `key` of the table is set, for a message: `[tables.users] timezone`."""
        if self.rule is None:
            return f"[tables.{bare(table)}] {key}"
        return f"{self.rule} {'table' if key == 'name' else key}"

    def column_setting(self, table: str, key: str) -> str:
        """Where the user's name of the column `key` is set: `[tables.users.columns] created_at`."""
        if self.rule is None:
            return f"[tables.{bare(table)}.columns] {key}"
        return f"{self.rule} {'column' if key in self.columns else 'show'}"


def read_tables(top: Section) -> dict[str, TableMap]:
    """Every mapped table by its name in the reference schema. Raises ConfigError."""
    return {key: _table(section) for key, section in top.sections("tables").items()}


def _table(section: Section) -> TableMap:
    section.only(_TABLE_KEYS)
    columns, statuses = section.section("columns"), section.section("statuses")
    return TableMap(
        name=section.text("name"),
        columns={key: columns.text(key) or key for key in columns.values},
        statuses={key: _status(statuses, key) for key in statuses.values},
        timezone=section.zone("timezone"),
        file=section.file,
        epoch=section.one_of("epoch", EPOCHS),
    )


def _status(section: Section, key: str) -> str:
    """Text, or a whole number where the column holds numbers."""
    value = section.values[key]
    return str(value) if type(value) is int else section.text(key) or key


_NEEDED: Final = {"table": "schema.table", "column": "created_at", "keep": "90d"}
"""The keys that no rule goes without, each with an example."""
_RULE_KEYS: Final = (*_NEEDED, "where", "allow-sql", "timezone", "epoch", "final")
KEEP: Final = Option(
    name="keep",
    kind=Kind.DURATION,
    min="1s",
    guarded=True,
    help="How long a row is kept, counted from its time column.",
)
TIME_COLUMN: Final = "time_column"  # what a rule's column is called where jobs name columns
SWEEP_KEYS: Final = (
    *(key for key in _RULE_KEYS if key != KEEP.key),
    *TIMING_KEYS,
    "description",
    "schedule-timezone",
    "show",
)
"""The keys of [sweeps.NAME] beside the options of its job."""
_LONGEST_NAME: Final = 40
_TAKEN: Final = frozenset({"jobs-runner"})  # the row that every run touches
_MINUTES: Final = re.compile(r"\s*([0-9]+)\s*m\s*")  # often meant as months


class Rule(NamedTuple):
    """The rows of `table` are kept for `keep`, counted from the time in `column`.

    `where` is a further condition in SQL; only rows for which it holds are deleted.
    `final` promises that a row which is due can never become fresh again. `show` are columns that
    a removed row is logged by, `name` is what people call the rule. `map` says how the user calls
    the table and the column. In `section` the rule stands as written, `${NAME}` not filled in.
    """

    section: Section
    table: str
    column: str
    keep: Duration
    where: str | None
    final: bool
    map: TableMap
    show: tuple[str, ...] = ()
    name: str | None = None


class ConfiguredSweep(NamedTuple):
    """The section of one sweep, whose rule is also what makes its job."""

    name: str
    rule: Rule
    description: str | None


def read_sweeps(top: Section) -> dict[str, ConfiguredSweep]:
    """Every [sweeps.NAME] by its name. Raises ConfigError.

    The keys that are options of the job are read with the job, as those of [jobs.NAME] are.
    """
    return {name: _sweep(name, section) for name, section in top.sections("sweeps").items()}


def _sweep(name: str, section: Section) -> ConfiguredSweep:
    if not re.fullmatch(NAME, name) or len(name) > _LONGEST_NAME or name in _TAKEN:
        raise ConfigError(
            f"{section.place()}: {quote(name)} cannot be the name of a command; use up to"
            f" {_LONGEST_NAME} lowercase letters, digits and single hyphens, such as old-mail."
        )
    check_timing(section, "schedule-timezone")
    return ConfiguredSweep(name, _rule(section), section.text("description"))


def read_retention(top: Section) -> tuple[Rule, ...]:
    """Every [[retention]], in the order of the file. Raises ConfigError."""
    found: list[Rule] = []
    for number, written in enumerate(top.array("retention", "rule"), start=1):
        section = Numbered(top, "retention", "rule", number, written)
        section.only((*_RULE_KEYS, "name"))
        found.append(_rule(section))
    return tuple(found)


def _rule(section: Section) -> Rule:
    """The rule that `section` holds. Raises ConfigError.

    A `keep` that is too short is refused by the run, so that other jobs still run.
    """
    table, column = _needed(section, "table"), _needed(section, "column")
    return Rule(
        section=section,
        table=table,
        column=column,
        keep=_keep(section),
        where=_where(section),
        final=section.boolean("final") or False,
        map=TableMap(
            name=table,
            columns={TIME_COLUMN: column},
            timezone=section.zone("timezone"),
            epoch=section.one_of("epoch", EPOCHS),
            rule=section.header,
            file=section.file,
        ),
        show=section.texts("show"),
        name=section.text("name"),
    )


def _needed(section: Section, key: str) -> str:
    found = section.text(key)
    if found is None:
        raise section.missing(key, _NEEDED[key], _RULE_KEYS)
    return found


def _keep(section: Section) -> Duration:
    if "keep" not in section.values:
        raise section.missing("keep", _NEEDED["keep"], _RULE_KEYS)
    value = section.values["keep"]
    given = section.text("keep") if isinstance(value, str) else value
    keep = cast("Duration", section.parse("keep", given, KEEP.parse))
    if isinstance(given, str) and (found := _MINUTES.fullmatch(given)):
        number, seconds = found[1], f"{keep.seconds:g}"
        raise section.wrong(
            "keep",
            f'{number}m are minutes; write "{number}mo" for months, or "{seconds}s" if minutes are'
            " meant",
        )
    return keep


def _where(section: Section) -> str | None:
    condition, allowed = section.text("where"), section.boolean("allow-sql")
    if condition is not None and not allowed:
        raise section.wrong("where", "it is run as SQL; allow that with allow-sql = true beside it")
    return condition
