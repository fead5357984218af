"""One statement that writes, with ledger and fence: for jobs whose work fits one transaction."""

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from maintcli.errors import Refused
from maintcli.runtime.context import Context
from maintcli.work.attempt import Patience, send_safely
from maintcli.work.batch import Step
from maintcli.work.pace import Pace

_ONCE = sql.SQL("""{};
GET DIAGNOSTICS maint_n = ROW_COUNT;
maint_stop := true;""")


def change(
    context: Context, query: LiteralString, params: Mapping[str, Any] | Sequence[Any] | None
) -> int:
    """Run `query` and return its row count; the ledger counts it as `updated_count`."""
    if context.dry_run:
        raise Refused(reason="this job tried to write during a dry run; nothing was changed.")
    text = psycopg.ClientCursor(context.session.connection).mogrify(query, params)
    statement = sql.SQL(text)  # pyright: ignore[reportArgumentType]  quoted by psycopg
    step = Step(_ONCE.format(statement), counter="updated_count")
    done = send_safely(Patience(context), Pace(1, 100, 1), lambda _skip: step)
    context.counts["updated_count"] = context.counts.get("updated_count", 0) + done.rows
    return done.rows
