"""What a removal of orphans would do: the same questions, in READ ONLY transactions."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from psycopg import sql

from maintcli.db.tables import Part
from maintcli.runtime.context import Context
from maintcli.work import count
from maintcli.work.orphans.pair import Bond
from maintcli.work.orphans.result import Orphaned
from maintcli.work.sweep.result import moment

_HELD = sql.SQL("SELECT count(*) FROM ONLY {part} WHERE {predicate} AND {held}")


def preview(context: Context, bonds: Sequence[Bond]) -> Orphaned:
    """Count the orphans of each pair, and say what goes with them and what holds on to them."""
    tables: Counter[str] = Counter()
    pairs: Counter[str] = Counter()
    blocked = 0
    for bond in bonds:
        held = count_held(context, bond)
        due = count.stale(context, bond.target) - held
        blocked += held
        tables[str(bond.child.table)] += due
        pairs[str(bond)] += due
        _say(context, bond, due, held)
    shown = Orphaned(
        deleted_count=sum(pairs.values()),
        locked_count=0,
        blocked_count=blocked,
        batches=0,
        cutoff=earliest(bonds),
        tables=dict(tables),
        pairs=dict(pairs),
    )
    context.backlog = shown.deleted_count
    context.counts |= asdict(shown)  # known already, should a guard refuse what comes out
    return shown


def count_held(context: Context, bond: Bond) -> int:
    """The orphans that rows of other tables hold on to."""
    if not bond.holders:
        return 0
    return sum(_held(context, bond, part) for part in bond.target.table.parts)


def _held(context: Context, bond: Bond, part: Part) -> int:
    query = _HELD.format(
        part=part.quoted, predicate=bond.target.predicate, held=bond.held(part.quoted)
    )
    ((held,),) = context.session.read_composed(query)
    return int(held)


def earliest(bonds: Sequence[Bond]) -> str:
    """The cutoff of all pairs; each has its own, some milliseconds later than the one before."""
    return min((moment(bond.target.cutoff) for bond in bonds), default="")


def _say(context: Context, bond: Bond, due: int, held: int) -> None:
    log, table = context.log, bond.child.table
    log.info(
        f"would delete {due:,} rows of {table} older than {moment(bond.target.cutoff)} whose"
        f" {bond.child.column.name} is not in {bond.parent}"
    )
    for key in bond.followers:
        log.info(f"with each row of {table} go its rows of {key.child} (ON DELETE CASCADE)")
    if held:
        names = ", ".join(dict.fromkeys(key.child for key in bond.holders))
        log.info(f"{held:,} more orphans would stay, because rows of {names} hold on to them")
