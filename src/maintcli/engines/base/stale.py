"""Which rows of a table are stale, as a job or a rule of maint.toml declares it."""

from typing import TYPE_CHECKING, Final, LiteralString, NamedTuple

from maintcli.config.duration import Duration
from maintcli.config.tables import TableMap
from maintcli.errors import ConfigError, Refused
from maintcli.runtime.context import Context

if TYPE_CHECKING:  # most jobs have no rule
    from maintcli.config.tables import Rule


class Stale(NamedTuple):
    """The stale rows of `table`: those for which `where` holds.

    Names are the reference schema's; the user's own come from the configuration, or from `map`
    where the job has its own. `where` is SQL with columns, statuses (`{'pending'}`), `{table}` and
    `{cutoff}` in braces; `by` is the column that says a row's age, `show` the
    columns that a removed row is logged by.

    `final` promises that a stale row can never become fresh again, so that its children may go
    before it, in transactions of their own. `also` is a further condition of the user's, as it
    stands. A table that does not exist is passed over where it is `optional`. `origin` says where
    the age was set, where that is no option of the job. `own`: one of the toolkit's own tables,
    which are in the schema that the configuration says, under their own names; `also` may name
    others of them with `{schema}`.
    """

    table: str
    where: LiteralString
    by: str
    older_than: Duration
    show: tuple[str, ...] = ()
    final: bool = False
    also: str | None = None
    map: TableMap | None = None
    optional: bool = False
    origin: str | None = None
    own: bool = False


_DUE: Final[LiteralString] = "{time_column} < {cutoff}"


def of_rule(rule: "Rule", keep: Duration) -> Stale:
    """The rows of the rule's table that are older than `keep`."""
    from maintcli.config.tables import TIME_COLUMN

    return Stale(
        table=rule.table,
        where=_DUE,
        by=TIME_COLUMN,
        older_than=keep,
        show=rule.show,
        final=rule.final,
        also=rule.where,
        map=rule.map,
    )


def rules(context: Context) -> tuple[Stale, ...]:
    """What every [[retention]] rule calls stale.

    Raises ConfigError where there is none, Refused for a rule that keeps nothing.
    """
    if not context.config.retention:
        raise ConfigError(
            f"There is no rule for retention-cleanup. Write one in {context.config.where}, for"
            ' example: [[retention]] table = "public.audit_events", column = "created_at", keep ='
            ' "13mo" (each on a line of its own).'
        )
    return tuple(_stale(context, rule) for rule in context.config.retention)


def _stale(context: Context, rule: "Rule") -> Stale:
    from maintcli.config.tables import KEEP

    if clause := KEEP.check_bounds(rule.keep):
        raise Refused(f"{rule.section.place('keep')}: {clause}. Nothing was touched.")
    called = f" ({rule.name})" if rule.name else ""
    context.log.debug(f"{rule.section.header}{called}: {rule.table} is kept for {rule.keep}")
    return of_rule(rule, rule.keep)._replace(origin=rule.section.place("keep"))
