"""Guards: refuse a run that would delete far too much, before the first row.

They look at the run as a whole: what several rules, and foreign keys, take from a table counts
together, and so does what goes from all tables. For every guard, --yes-really N is the limit of
that same number. A count ends as soon as the answer is known; only a refusal counts to the end,
bounded in time, so that it names the number and the command.
"""

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import psycopg
from psycopg import sql

from maintcli.db import sqlstate
from maintcli.engines.base import count
from maintcli.engines.base.target import Target
from maintcli.errors import Refused
from maintcli.runtime.context import Context

SMALL_TABLE = 1_000  # below this a large share is usual
_SECONDS = 10.0  # for a figure of a refusal, and for one that the planner's can replace

Counter = Callable[[int | None, float | None], int]
"""Counts rows up to a number, None for all, in so many seconds; raises QueryCanceled."""


class Loss(NamedTuple):
    """A table that loses rows: `going` counts those and `rows` all of it, None for any share.

    `about` is the planner's figure for all, `what` the rows that go as a clause: `old rows`. The
    `fate` of rows that are updated and stay is to change.
    """

    table: str
    what: str
    going: Sequence[Counter]
    rows: Counter | None
    about: int
    fate: str = "go"

    def with_more(self, going: Sequence[Counter]) -> "Loss":
        """The same table, from which more rows go than it was swept for."""
        return self._replace(what="rows that would go", going=[*self.going, *going])


class Expected(NamedTuple):
    """How many rows a run would take of each table, those that go along foreign keys among them.

    `complete` is False where a figure took too long to count and is left out.
    """

    tables: Mapping[str, int]
    complete: bool = True


def losses(context: Context, targets: Sequence[Target]) -> list[Loss]:
    """The stale rows of each table; a row that is stale by two rules counts once."""
    merged: dict[int, list[Target]] = {}
    for target in targets:
        merged.setdefault(target.table.oid, []).append(target)
    return [_loss(context, some) for some in merged.values()]


def changes(context: Context, targets: Sequence[Target]) -> list[Loss]:
    """The same for rows that are updated and stay."""
    return [loss._replace(fate="change") for loss in losses(context, targets)]


def together(losses: Sequence[Loss], more: Sequence[Loss]) -> list[Loss]:
    """`losses` and `more` by table."""
    found = {loss.table: loss for loss in losses}
    for loss in more:
        own = found.get(loss.table)
        found[loss.table] = own.with_more(loss.going) if own else loss
    return list(found.values())


def check(
    context: Context,
    targets: Sequence[Target],
    lost: Callable[[], Sequence[Loss]],
    objection: str | None = None,
    *,
    planned: bool = False,
) -> None:
    """Raise Refused where more rows would go than a guard, or --yes-really, allows.

    `lost` looks up what the run takes from all tables. `objection` is another reason to refuse,
    which --yes-really also overrides; with `planned` no guard applies.
    """
    really: int | None = context.order.value("yes_really")
    if objection is None and not planned:
        objection = _senseless(context, targets)
    if objection is None and really is None and (planned or not _has_limit(context)):
        return
    total = _Total(context, lost())
    if really is not None:
        reason = _over(total, really, "--yes-really")
        reason = f"{objection} {reason}" if objection and reason else reason
    elif objection:
        reason = f"{objection} {total.said(1)}."
    else:
        reason = _too_many(total) or _too_large(total)
    if reason is not None:
        raise Refused(f"{reason} Nothing was changed. {_way(total, objection)}")


def sum_of(counters: Iterable[Counter], most: int | None, seconds: float | None = None) -> int:
    """Count with one after the other, up to `most` in all."""
    found = 0
    for counter in counters:
        if most is not None and found >= most:
            break
        found += counter(None if most is None else most - found, seconds)
    return found


def _loss(context: Context, rules: Sequence[Target]) -> Loss:
    either = sql.SQL(" OR ").join([sql.SQL("({}\n)").format(one.predicate) for one in rules])
    first = rules[0]
    whose = first.whose if len(rules) == 1 else ""
    return Loss(
        str(first.table),
        f"old rows{whose}",
        [partial(_few, context, first, either)],
        partial(_few, context, first, sql.SQL("true")),
        count.table_rows(context, first),
    )


def _few(
    context: Context,
    target: Target,
    condition: sql.Composable,
    most: int | None,
    seconds: float | None = None,
) -> int:
    with sqlstate.about(target.title):
        return count.few(context, target, condition, most, seconds)


def _has_limit(context: Context) -> bool:
    percent: float | None = context.order.value("max_percent")
    return context.order.value("max_rows") is not None or (percent is not None and percent < 100)


def _senseless(context: Context, targets: Sequence[Target]) -> str | None:
    """Why the condition cannot be meant: it holds for every row, by a wrong or an empty table."""
    for target in targets:
        if target.elsewhere is None or count.any_row(context, target, target.elsewhere.found):
            continue
        if count.stale(context, target, most=1):
            return (
                f"no row of {target.table} has a match in {target.elsewhere.table}"
                f".{target.elsewhere.column}, so all of them count as stale once they are old"
                " enough. That column is the wrong one, or its table is empty."
            )
    return None


class _Total:
    """What a run takes of all tables. Each is counted to the end once, as late as can be."""

    def __init__(self, context: Context, losses: Sequence[Loss]) -> None:
        self.context = context
        self.losses = losses
        self._counted: dict[int, int | None] = {}

    def of(self, loss: Loss) -> int | None:
        """The rows that go of a table, None where that takes too long to count."""
        number = self.losses.index(loss)
        if number not in self._counted:
            self._counted[number] = _bounded(self.context, loss.going)
        return self._counted[number]

    @property
    def losing(self) -> list[tuple[Loss, int | None]]:
        """The tables of which rows go, with how many."""
        return [(loss, self.of(loss)) for loss in self.losses if self.of(loss) != 0]

    @property
    def exact(self) -> int | None:
        """The rows of all tables, None where some were not counted."""
        known = [number for _, number in self.losing if number is not None]
        return sum(known) if len(known) == len(self.losing) else None

    def said(self, least: int) -> str:
        """The number as a clause, by tables; `least` are known to go."""
        if len(self.losing) == 1:
            return _rows(*self.losing[0], least)
        known = sum(number or 0 for _, number in self.losing)
        each = ", ".join(f"{_number(number, 1)} of {loss.table}" for loss, number in self.losing)
        fates = " or ".join(sorted({loss.fate for loss, _ in self.losing}, reverse=True))
        return f"{_number(self.exact, max(known, least))} rows would {fates}: {each}"


def _too_many(total: _Total) -> str | None:
    most: int | None = total.context.order.value("max_rows")
    return _over(total, most, "--max-rows") if most is not None else None


def _over(total: _Total, most: int, flag: str) -> str | None:
    everything = [counter for loss in total.losses for counter in loss.going]
    if sum_of(everything, most + 1) <= most:
        return None
    return f"{total.said(most + 1)}; {flag} allows {most:,}."


def _too_large(total: _Total) -> str | None:
    said = next((said for loss in total.losses if (said := _share(total, loss))), None)
    return f"{said} {total.said(1)}." if said and len(total.losing) > 1 else said


def _share(total: _Total, loss: Loss) -> str | None:
    """The objection to the share of a table that goes; rows decide, not the planner's figure."""
    context, percent = total.context, total.context.order.value("max_percent")
    if percent is None or percent >= 100 or loss.rows is None:
        return None
    about = int(loss.about * percent / 100)
    least = sum_of(loss.going, about + 1)
    going = least if least <= about else total.of(loss)
    if going is not None and _is_small_enough(context, loss, loss.rows, going, percent):
        return None
    whole = _bounded(context, [loss.rows]) if going is not None else None
    allows = f"--max-percent {percent:g} allows"
    if going is None or whole is None:
        return f"{_rows(loss, going, least)}; {allows} about {about:,}."
    if whole <= SMALL_TABLE:
        return None
    share = f"{100 * going / whole:.3g} % of {whole:,}"
    return f"{_rows(loss, going, least)}, {share}; {allows} {int(whole * percent / 100):,}."


def _is_small_enough(
    context: Context, loss: Loss, rows: Counter, going: int, percent: float
) -> bool:
    """Whether the table really has the rows of which so many may go."""
    if not going or not percent:
        return not going
    try:
        there = rows(int(going * 100 / percent) + 1, _SECONDS)
    except psycopg.errors.QueryCanceled:
        context.stop.check()
        context.log.warn(f"{loss.table} was not counted in time; statistics decided its share")
        return going <= int(loss.about * percent / 100)
    return going <= int(there * percent / 100)


def _bounded(context: Context, counters: Sequence[Counter]) -> int | None:
    """The exact count, None where it takes too long."""
    try:
        return sum_of(counters, None, _SECONDS)
    except psycopg.errors.QueryCanceled:
        context.stop.check()
        return None


def _rows(loss: Loss, exact: int | None, least: int) -> str:
    return f"{loss.table} has {_number(exact, least)} {loss.what}"


def _number(exact: int | None, least: int) -> str:
    return f"{exact:,}" if exact is not None else f"at least {least:,}"


def _way(total: _Total, objection: str | None) -> str:
    """How to let the rows go after all, as a command to paste."""
    context, exact = total.context, total.exact
    plan = "--plan FILE" if context.dry_run else "--dry-run --plan FILE"
    look = f"To look first, run with {plan}, and then with --apply FILE. " if objection else ""
    if exact is not None:
        return f"{look}If this is intended, run: {command(context, '--yes-really', str(exact))}"
    if context.dry_run:
        return f"{look}If this is intended, --yes-really N lets up to N rows go, once."
    return f"{look}To count them, run: {command(context, '--dry-run')}"


def command(context: Context, *more: str) -> str:
    """This command again, with `more` instead of its options for guards and dry runs."""
    words = ["maint", context.job, *context.order.place]
    for name, given in context.order.values.items():
        if given.origin.startswith("--") and name not in {"yes_really", "dry_run", "plan"}:
            flag = given.origin
            words += [flag] if given.value is True else [flag, given.shown or str(given.value)]
    return shlex.join([*words, *more])
