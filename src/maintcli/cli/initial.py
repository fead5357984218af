"""The first maint.toml: which jobs have their tables here, what they must be told, and its text."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple, cast

from maintcli.config import values
from maintcli.config.messages import bare, hint, sentence
from maintcli.config.show import quoted
from maintcli.config.tables import TableMap
from maintcli.db import names
from maintcli.db.catalog import tables
from maintcli.db.catalog.tables import Reader, Table
from maintcli.engines.base.clock import EPOCH_TYPES, TIME_TYPES
from maintcli.engines.base.reference import did_you_mean
from maintcli.errors import Usage

Columns = tuple[str, ...]

_OF_A_USER: Final[Columns] = ("user_id",)
NEEDED: Final[Mapping[str, Mapping[str, Columns]]] = {
    "cleanup-sessions": {"active_sessions": ("last_heartbeat", "access_key", "session_id")},
    "cleanup-old-sessions": {"chat_sessions": ("updated_at",)},
    "cleanup-usage-counters": {"usage_counters": ("period_end",)},
    "cleanup-abandoned-jobs": {"processing_jobs": ("created_at", "started_at", "status")},
    "cleanup-old-analytics": {"analytics_events": ("occurred_at",), "daily_analytics": ("day",)},
    "cleanup-opt-outs": {
        "users": ("opted_out_at", "data_erased_at", "id"),
        "chat_sessions": _OF_A_USER,
        "processing_jobs": _OF_A_USER,
        "usage_counters": _OF_A_USER,
        "analytics_events": _OF_A_USER,
        "stored_files": ("owner",),
    },
    "cleanup-orphans": {"stored_files": ("created_at", "owner"), "users": ("id",)},
    "cleanup-run-history": {},
}
"""Job → the tables and columns that it uses with default settings.

Jobs that need more than names are not here: rules, a list of queues, the statuses of a queue.
"""
_TIMES: Final = frozenset(
    {
        *("last_heartbeat", "updated_at", "period_end", "created_at", "occurred_at", "day"),
        *("opted_out_at", "data_erased_at"),
    }
)
_USE: Final = " (the log shows it of each removed row; access_key and session_id may be one column)"
_IN_LOG: Final = {"access_key": _USE, "session_id": _USE}
_HEAD: Final = (
    "# The jobs that are enabled. To see every setting: maint config init --config all.toml"
)


class Question(NamedTuple):
    """What to ask; `option` is how the command line answers it. `check` raises MaintError.

    `choices` is a sentence that says what there is.
    """

    text: str
    option: str
    check: Callable[[str], str]
    choices: str = ""


class Initial:
    """What is found and answered so far: `maps` says how the user calls each table.

    `ask` may leave a question open, by None.
    """

    def __init__(self, reader: Reader, ask: Callable[[Question], str | None]) -> None:
        self.maps: dict[str, TableMap] = {}
        self.timezone: str | None = None
        self.epoch: str | None = None
        self._reader = reader
        self._ask = ask
        self._seen: dict[str, Table | None] = {}

    def name_table(self, key: str, name: str) -> None:
        """Take `name` for the table. Raises Usage, and ConfigError for what can be no name."""
        self.maps[key] = self.map(key)._replace(name=self._check_table(name))

    def name_column(self, key: str, column: str, name: str) -> None:
        """Take `name` for the column of a table that is known by then. Raises Usage."""
        table = self.table(key)
        if table is None:
            raise Usage(f"There is no table {bare(key)}; name yours: --table {key}=NAME.")
        columns = {**self.map(key).columns, column: self._check_column(table, column, name)}
        self.maps[key] = self.map(key)._replace(columns=columns)

    def map(self, key: str) -> TableMap:
        """How the user calls the table `key`."""
        return self.maps.get(key, TableMap())

    def table(self, key: str) -> Table | None:
        """The table that stands for `key`; None where there is none that holds rows itself."""
        name = self.map(key).name or key
        if name not in self._seen:
            found = tables.describe(self._reader, names.split(name, f"--table {key}"))
            self._seen[name] = found if found and found.kind in tables.WITH_ROWS else None
        return self._seen[name]

    def found(self) -> list[str]:
        """The jobs whose tables and columns are all there."""
        return [
            job
            for job, needed in NEEDED.items()
            if needed and all(self._is_whole(key, columns) for key, columns in needed.items())
        ]

    def complete(self, job: str) -> None:
        """Ask for what is not seen of the tables of `job`."""
        for key, columns in NEEDED[job].items():
            if self.table(key) is None and (name := self._ask(self._which_table(job, key))):
                self.name_table(key, name)
            table = self.table(key)
            if table is not None:
                self._complete_columns(job, key, table, columns)
                self._complete_times(key, table, columns)

    def _complete_columns(self, job: str, key: str, table: Table, columns: Columns) -> None:
        for column in columns:
            if self._fault(table, column, self.map(key).column(column)):
                name = self._ask(self._which_column(job, key, table, column))
                if name is not None:
                    self.name_column(key, column, name)

    def _complete_times(self, key: str, table: Table, columns: Columns) -> None:
        mapped = self.map(key)
        names = [mapped.column(column) for column in columns if column in _TIMES]
        times = [table.columns[name] for name in names if name in table.columns]
        if local := next((c for c in times if c.type == "timestamp without time zone"), None):
            of = f"{table}.{local.name}"
            zone = f"{of} has no time zone. In which zone are its times, e.g. UTC?"
            self.timezone = self.timezone or self._ask(
                Question(zone, "--timezone ZONE", check_zone)
            )
            mapped = mapped._replace(timezone=self.timezone)
        if number := next((c for c in times if c.type in EPOCH_TYPES), None):
            of = f"{table}.{number.name}"
            unit = f"{of} is a number. Does it count seconds (s) or milliseconds (ms)?"
            self.epoch = self.epoch or self._ask(Question(unit, "--epoch UNIT", check_epoch))
            mapped = mapped._replace(epoch=cast('Literal["s", "ms"]', self.epoch))
        if mapped != TableMap():
            self.maps[key] = mapped

    def text(self, jobs: Sequence[str]) -> str:
        """The file that enables `jobs`: one line for each, and for each table with another name."""
        lines = [_HEAD, *(f"[jobs.{job}]" for job in jobs)]
        used = [key for key in self.maps if any(key in NEEDED[job] for job in jobs)]
        if used:
            lines += ["", "[tables]", *(f"{key} = {_inline(self.maps[key])}" for key in used)]
        return "\n".join([*lines, ""])

    def _is_whole(self, key: str, columns: Columns) -> bool:
        table = self.table(key)
        return table is not None and not any(
            self._fault(table, column, self.map(key).column(column)) for column in columns
        )

    def _fault(self, table: Table, column: str, name: str) -> str | None:
        """Why `name` cannot stand for `column`, as a sentence."""
        if name not in table.columns:
            return f"{table} has no column {bare(name)}; {hint(name, table.columns)}"
        kind = table.columns[name].type
        if column in _TIMES and kind not in TIME_TYPES:
            return f"{table}.{bare(name)} is of type {kind}, which holds no time."
        return None

    def _check_table(self, name: str) -> str:
        wanted = names.split(name, "--table")
        found = tables.describe(self._reader, wanted)
        if found is None:
            reason = f"There is no table {bare(name)} in this database, or this role may not see it"
            raise Usage(f"{reason}{did_you_mean(self._reader, wanted)}")
        if found.kind not in tables.WITH_ROWS:
            raise Usage(f"{found} is a {found.kind}; name a table.")
        return name

    def _check_column(self, table: Table, column: str, name: str) -> str:
        if fault := self._fault(table, column, name):
            raise Usage(fault)
        return name

    def _which_table(self, job: str, key: str) -> Question:
        text = f"{job}: which table holds what maint calls {key}?"
        return Question(text, f"--table {key}=NAME", self._check_table)

    def _which_column(self, job: str, key: str, table: Table, column: str) -> Question:
        def check(name: str) -> str:
            return self._check_column(table, column, name)

        use = _IN_LOG.get(column, "")
        text = f"{job}: which column of {table} is {column}{use}?"
        choices = f"{table} has the columns {', '.join(table.columns)}."
        return Question(text, f"--column {key}.{column}=NAME", check, choices)


def check_epoch(text: str) -> str:
    """The unit of a column that counts. Raises Usage."""
    if text not in {"s", "ms"}:
        raise Usage("Seconds are s, milliseconds are ms.")
    return text


def check_zone(text: str) -> str:
    """The name of a zone. Raises Usage."""
    try:
        return values.zone(text)
    except ValueError as error:
        raise Usage(sentence(str(error))) from None


def _inline(mapped: TableMap) -> str:
    return f"{{ {', '.join(_pairs(mapped))} }}"


def _pairs(mapped: TableMap) -> Iterator[str]:
    for key in ("name", "timezone", "epoch"):
        if value := getattr(mapped, key):
            yield f"{key} = {quoted(value)}"
    renamed = {key: name for key, name in mapped.columns.items() if key != name}
    if renamed:
        columns = ", ".join(f"{key} = {quoted(name)}" for key, name in renamed.items())
        yield f"columns = {{ {columns} }}"
