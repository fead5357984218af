"""One look at all that may be a reason to pause."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from maintcli.db import sqlstate
from maintcli.engines.base.throttle.source import Source, Why
from maintcli.runtime.context import Context

_SECONDS = 1.0


class Look:
    """Asks every source in one short READ ONLY query."""

    def __init__(self, context: Context, sources: Sequence[Source]) -> None:
        self._context = context
        self._sources = list(sources)

    def why(self, paused_ms: Mapping[str, int]) -> Why | None:
        """The first reason to pause; `paused_ms` is how long each has held the run up."""
        sources = [s for s in self._sources if paused_ms.get(s.name, 0) < s.patience * 1000]
        reasons = [self._reason(source, found) for source, found in self._read(sources)]
        return next((why for why in reasons if why is not None), None)

    def _reason(self, source: Source, found: Any) -> Why | None:
        reason = found.reason if isinstance(found, _Failed) else source.reason(found)
        return Why(source.name, reason) if reason else None

    def _read(self, sources: Sequence[Source]) -> list[tuple[Source, Any]]:
        if not sources:
            return []
        columns = sql.SQL(", ").join(sql.SQL("({})").format(source.query) for source in sources)
        query = sql.SQL("SELECT {}").format(columns)
        try:
            (row,) = self._context.session.read_composed(
                query, statement_seconds=_SECONDS, ours=True
            )
        except psycopg.Error as error:
            return self._failed(sources, error)
        return list(zip(sources, row, strict=True))

    def _failed(self, sources: Sequence[Source], error: psycopg.Error) -> list[tuple[Source, Any]]:
        """Ask one by one what could not be asked at once.

        A source that fails alone is left out from now on, unless a setting asks for it: then it
        counts as bad. One that only took too long is asked again at the next look.
        """
        lost = sqlstate.is_lost(error, self._context.session.connection_or_none)
        if len(sources) > 1 and not lost:
            return [pair for source in sources for pair in self._read([source])]
        why = sqlstate.said(error)
        failed = [(source, _Failed(f"{source.name} cannot be read: {why}")) for source in sources]
        for source, (reason,) in failed:
            self._context.log.debug(reason)
            if not (lost or source.origin or error.sqlstate == sqlstate.QUERY_CANCELED):
                self._sources.remove(source)
        return [(source, found) for source, found in failed if source.origin]


class _Failed(NamedTuple):
    """What takes the place of a value that could not be read, and was to be."""

    reason: str
