"""The names in a job's own SQL, as the user calls them: `{tables.jobs}`, `{jobs.status}`, a column,
and `{jobs.'pending'}`, a status.

Whatever else stands in braces is left as it is, such as '{}'::jsonb. Braces that are doubled around
what looks like a name stand for themselves: '{{a.b}}'::text[].
"""

import re
from typing import Final, LiteralString, cast

from psycopg import sql

from maintcli.config.messages import hint
from maintcli.config.tables import STATUSES, TableMap
from maintcli.db.catalog.tables import Table
from maintcli.engines.base import reference
from maintcli.engines.base.reference import Reference
from maintcli.errors import ConfigError
from maintcli.runtime.context import Context

_WORD: Final = r'(?:"(?:[^"{}]|"")+"|[A-Za-z_][\w$]*)'
_NAME: Final = rf"{_WORD}(?:\.{_WORD})*\.(?:{_WORD}|'\w+')"
_HOLE: Final = re.compile(rf"\{{(\{{{_NAME}\}})\}}|\{{({_NAME})\}}")
_TABLES: Final = "tables."


class Names:
    """Fills in the names of one job; each table is looked up once a run."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._found: dict[str, tuple[TableMap, Table]] = {}

    def fill(self, text: LiteralString, *, has_params: bool) -> sql.Composable:
        """`text` with each name quoted; with parameters, a percent sign in one is doubled.

        Raises ConfigError for a name that neither the configuration nor the database has.
        """

        def put(match: re.Match[str]) -> str:
            doubled, name = cast("tuple[str | None, str]", match.groups())
            if doubled:
                return doubled
            quoted = self._quoted(name).as_string()
            return quoted.replace("%", "%%") if has_params else quoted

        return sql.SQL(_HOLE.sub(put, text))  # pyright: ignore[reportArgumentType]  quoted by psycopg

    def _quoted(self, name: str) -> sql.Composable:
        if name.startswith(_TABLES):
            return self._table(name, name.removeprefix(_TABLES))[1].quoted
        key, _, last = name.rpartition(".")
        mapped, table = self._table(name, key)
        if last.startswith("'"):
            status = last.strip("'")
            if status not in STATUSES and status not in mapped.statuses:
                raise ConfigError(
                    f"{self._origin}: {{{name}}} names no status; {hint(status, STATUSES)}"
                )
            return sql.Literal(mapped.status(status))
        column = reference.unquoted(last)
        found = Reference(self._origin, f"{{{name}}}", key, column)
        return sql.Identifier(reference.column(found, mapped, table, column).name)

    def _table(self, name: str, key: str) -> tuple[TableMap, Table]:
        if key not in self._found:
            named = Reference(self._origin, f"{{{name}}}", key, "")
            mapped, table = reference.locate(self._context, named)
            self._context.session.admit_code_on(table.oids)
            self._found[key] = mapped, table
        return self._found[key]

    @property
    def _origin(self) -> str:
        return f"SQL of {self._context.job}"
