"""[sweeps.NAME] and [[retention]]: which rows are kept, and for how long."""

import re
from typing import Final, NamedTuple, cast

from maintcli.config import timing
from maintcli.config.duration import Duration
from maintcli.config.messages import quote
from maintcli.config.option import Kind, Option
from maintcli.config.section import NAME, Numbered, Section
from maintcli.config.tables import EPOCHS, TableMap
from maintcli.errors import ConfigError

_NEEDED: Final = {"table": "schema.table", "column": "created_at", "keep": "90d"}
"""The keys that no rule goes without, each with an example."""
_KEYS: Final = (*_NEEDED, "where", "allow-sql", "timezone", "epoch", "final")
KEEP: Final = Option(
    name="keep",
    kind=Kind.DURATION,
    min="1s",
    guarded=True,
    help="How long a row is kept, counted from its time column.",
)
TIME_COLUMN: Final = "time_column"  # what a rule's column is called where jobs name columns
SWEEP_KEYS: Final = (
    *(key for key in _KEYS if key != KEEP.key),
    *timing.KEYS,
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
    timing.check_timing(section, "schedule-timezone")
    return ConfiguredSweep(name, _rule(section), section.text("description"))


def read_retention(top: Section) -> tuple[Rule, ...]:
    """Every [[retention]], in the order of the file. Raises ConfigError."""
    found: list[Rule] = []
    for number, written in enumerate(top.array("retention", "rule"), start=1):
        section = Numbered(top, "retention", "rule", number, written)
        section.only((*_KEYS, "name"))
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
        raise section.missing(key, _NEEDED[key], _KEYS)
    return found


def _keep(section: Section) -> Duration:
    if "keep" not in section.values:
        raise section.missing("keep", _NEEDED["keep"], _KEYS)
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
