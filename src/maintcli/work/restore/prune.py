"""Taking away the rows that are there, and those that cannot be inserted: set by set."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from psycopg import sql

from maintcli.db.connect import Connection
from maintcli.work.restore.load import Loaded, equal, taken, there
from maintcli.work.restore.table import ForeignKey, Key

_DELETE = sql.SQL("DELETE FROM {temp} AS maint_r WHERE {which}")

_ORPHANS = sql.SQL("""DELETE FROM {temp} AS maint_r
WHERE {filled} AND NOT EXISTS (SELECT FROM {parent} AS maint_p WHERE {match}){nor}""")

_NOR = sql.SQL(" AND NOT EXISTS (SELECT FROM {temp} AS maint_p WHERE {match})")


def existing(connection: Connection, one: Loaded) -> int:
    """Delete the loaded rows that are there already; how many they are."""
    if not one.table.identity(one.columns):
        return 0
    which = there(one, "maint_r", "maint_t")
    return connection.execute(_DELETE.format(temp=one.temp, which=which)).rowcount


def conflicts(connection: Connection, one: Loaded) -> Counter[str]:
    """Delete the loaded rows that share a key with another row; how many by reason."""
    found: Counter[str] = Counter()
    for key in one.table.usable_keys(one.columns):
        which = taken(one, key, "maint_r", "maint_t")
        count = connection.execute(_DELETE.format(temp=one.temp, which=which)).rowcount
        found[shares(key)] += count
    return +found


def shares(key: Key) -> str:
    """Why a row cannot go back whose `key` another row has."""
    return f"another row has its {', '.join(key.columns)}"


def orphans(connection: Connection, loaded: Sequence[Loaded]) -> Mapping[int, Counter[str]]:
    """Delete the loaded rows whose parent is gone, and theirs; how many by place and reason.

    Neither in its table is the parent, nor among the rows that come with it.
    """
    found: defaultdict[int, Counter[str]] = defaultdict(Counter)
    while True:
        deleted = 0
        for number, one in enumerate(loaded):
            for reference in one.table.foreign_keys:
                count = _delete(connection, one, reference, loaded)
                if count:
                    found[number][f"its parent is gone ({reference.name})"] += count
                    deleted += count
        if not deleted:
            return found


def _delete(
    connection: Connection, one: Loaded, reference: ForeignKey, loaded: Sequence[Loaded]
) -> int:
    if not {column.name for column in reference.columns} <= set(one.columns):
        return 0
    match = equal("maint_p", reference.referenced, "maint_r", reference.columns)
    coming = [
        _NOR.format(temp=parent.temp, match=match)
        for parent in loaded
        if parent.table.shape.oid == reference.parent
        and {column.name for column in reference.referenced} <= set(parent.columns)
    ]
    row = sql.Identifier("maint_r")
    filled = [sql.SQL("{} IS NOT NULL").format(c.value(row)) for c in reference.columns]
    statement = _ORPHANS.format(
        temp=one.temp,
        filled=sql.SQL(" AND ").join(filled),
        parent=reference.parent_name,
        match=match,
        nor=sql.SQL("").join(coming),
    )
    return connection.execute(statement).rowcount
