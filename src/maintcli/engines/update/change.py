"""One statement that writes, with ledger and fence, for jobs whose work fits one transaction."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql

from maintcli.db import search_path, sqlstate
from maintcli.engines.base.batch import Step
from maintcli.engines.base.pacing import Pace
from maintcli.engines.base.retry import Patience, send_safely
from maintcli.errors import Refused
from maintcli.runtime import ledger
from maintcli.runtime.context import Context

# It must be on disk before the job continues: no later run would notice that it was lost.
_ONCE = sql.SQL("""SET LOCAL synchronous_commit = DEFAULT;
{statement};
GET DIAGNOSTICS maint_n = ROW_COUNT;
{still}
maint_stop := true;""")


def change(
    context: Context, query: sql.Composable, params: Mapping[str, Any] | Sequence[Any] | None
) -> int:
    """Run `query` once and return its row count; the ledger counts it as `updated_count`.

    A statement whose COMMIT was lost is sent again, and takes effect once. Raises Refused in a dry
    run, and Unreachable where no ledger shows whether it took effect.
    """
    if context.dry_run:
        raise Refused("this job tried to write during a dry run; nothing was changed.")
    statement = search_path.bound(context.session.connection, query, params)
    rows = _send(context, statement)
    context.counts["updated_count"] = context.counts.get("updated_count", 0) + rows
    return rows


def _send(context: Context, statement: sql.Composable) -> int:
    lease = context.lease
    batches, updated = ledger.written(context.session, lease) if lease else (0, 0)
    still = ledger.unless_counted(lease, batches) if lease else sql.SQL("")
    step = Step(_ONCE.format(statement=statement, still=still), counter="updated_count")
    try:
        return send_safely(
            Patience(context, done="updated"), Pace(1, 100, 1), lambda _skip: step
        ).rows
    except psycopg.Error as error:
        if lease is None or error.sqlstate != sqlstate.COUNTED_ALREADY:
            raise
        return ledger.written(context.session, lease)[1] - updated
