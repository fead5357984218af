"""Which throttles a run has: all that its role can read, unless it wants none."""

from collections.abc import Sequence
from typing import Any

from psycopg import sql

from maintcli.config.variables import Sourced
from maintcli.engines.throttle.archiver import ArchiveQueue
from maintcli.engines.throttle.replicas import ReplicaLag
from maintcli.engines.throttle.source import Source
from maintcli.engines.throttle.vacuum import Vacuum
from maintcli.engines.throttle.waiting import WaitingSessions
from maintcli.errors import MissingPrivilege
from maintcli.runtime.context import Context

_READABLE = sql.SQL("""
SELECT current_user::text, pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'),
       has_function_privilege('pg_catalog.pg_ls_archive_statusdir()', 'EXECUTE'),
       current_setting('archive_mode') <> 'off'
""")


def choose(context: Context, oids: Sequence[int]) -> list[Source]:
    """The throttles for a sweep of the tables `oids`.

    Raises MissingPrivilege for one that was set and that the role cannot read: the limit could not
    be kept. One that stands by default is then left out.
    """
    ((role, stats, archive, archiving),) = context.session.read_composed(_READABLE, ours=True)
    values = context.order.values
    sources: list[tuple[Source, bool, bool]] = [
        (ReplicaLag(*_limit(values["max_replica_lag"])), stats, True),
        (WaitingSessions(oids, context.deadline.seconds), True, True),
        (ArchiveQueue(*_limit(values["max_archive_queue"])), archive, archiving),
        (Vacuum(oids, context.deadline.seconds), stats, True),
    ]
    chosen: list[Source] = []
    for source, readable, wanted in sources:
        if readable and wanted:
            chosen.append(source)
        elif wanted and source.origin:
            quoted = sql.Identifier(role).as_string()
            raise MissingPrivilege(
                f"{source.origin} is set, and role {quoted} may not read the {source.name}, so"
                f" nobody could keep that limit. Let a superuser run: GRANT pg_monitor TO {quoted};"
                " or take the setting out."
            )
        elif wanted:
            context.log.debug(f"{role} may not read {source.name}: no throttle of it")
    return chosen


def _limit(setting: Sourced[Any]) -> tuple[Any, str | None]:
    """A limit, and which setting it comes from (None: it is the default)."""
    return setting.value, None if setting.origin == "default" else setting.origin
