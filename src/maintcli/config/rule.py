"""What [sweeps.NAME] and [[retention]] have in common: which rows are kept, and for how long."""

import re
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, cast

from maintcli.config.duration import Duration
from maintcli.config.option import Kind, Option
from maintcli.config.say import bare
from maintcli.config.section import Section
from maintcli.config.suggest import closest
from maintcli.config.tables import TableMap
from maintcli.config.zone import check_zone
from maintcli.errors import ConfigError

KEYS: Final = ("table", "column", "keep", "where", "allow-sql", "timezone", "epoch", "final")
KEEP: Final = Option(
    name="keep",
    kind=Kind.DURATION,
    min="1s",
    guarded=True,
    help="How long a row is kept, counted from its time column.",
)
TIME_COLUMN: Final = "time_column"  # what a rule's column is called where jobs name columns
_MINUTES: Final = re.compile(r"\s*([0-9]+)\s*m\s*")  # as easily a slip for months
_EXAMPLES: Final = {"table": "schema.table", "column": "created_at", "keep": "90d"}


class Rule(NamedTuple):
    """The rows of `table` are kept for `keep`, counted from the time in `column`.

    `where` is a further condition in SQL, as it stands; only rows for which it holds go. `final`
    promises that a row which is due can never become fresh again. `show` are columns that a
    removed row is logged by, `header` is what the file calls the rule: `[sweeps.old-mail]`, `name`
    what people call it. `values` are all keys as written, `${NAME}` not filled in.
    """

    file: str
    header: str
    values: Mapping[str, object]
    table: str
    column: str
    keep: Duration
    where: str | None
    timezone: str | None
    epoch: Literal["s", "ms"] | None
    final: bool
    show: tuple[str, ...] = ()
    name: str | None = None

    @property
    def map(self) -> TableMap:
        """The rule's table and column as the user calls them."""
        columns = {TIME_COLUMN: self.column}
        return TableMap(self.table, columns, self.timezone, self.epoch, self.header, file=self.file)

    def place(self, key: str) -> str:
        """Where `key` stands, for a message: `maint.toml [sweeps.old-mail] keep`."""
        return f"{self.file} {self.header} {key}"


def read_rule(section: Section) -> Rule:
    """The rule that `section` holds. Raises ConfigError.

    How long is too short is for the run to say: that refuses, and this is no reason for other
    jobs not to run.
    """
    return Rule(
        file=section.file,
        header=section.header,
        values=section.values,
        table=_needed(section, "table"),
        column=_needed(section, "column"),
        keep=_keep(section),
        where=_where(section),
        timezone=check_zone(section, "timezone"),
        epoch=cast('Literal["s", "ms"] | None', section.one_of("epoch", ("s", "ms"))),
        final=section.boolean("final") or False,
        show=section.texts("show"),
        name=section.text("name"),
    )


def _needed(section: Section, key: str) -> str:
    found = section.text(key)
    if found is None:
        raise _missing(section, key)
    return found


def _missing(section: Section, key: str) -> ConfigError:
    """The error that `key` is not there, or misspelt."""
    near = closest(key, [name for name in section.values if name not in KEYS])
    if near is not None:
        place = section.place()
        return ConfigError(f"{place}: unknown key {bare(near)}; did you mean {key}?")
    return section.wrong(key, f'it is missing; write e.g. {key} = "{_EXAMPLES[key]}"')


def _keep(section: Section) -> Duration:
    if "keep" not in section.values:
        raise _missing(section, "keep")
    value = section.values["keep"]
    given = section.text("keep") if isinstance(value, str) else value
    try:
        keep = cast("Duration", KEEP.parse(given))
    except ValueError as error:
        raise section.wrong("keep", str(error)) from None
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
        raise section.wrong(
            "where", "it is SQL as it stands; say so with allow-sql = true beside it"
        )
    return condition
