"""From a rule of maint.toml to what a sweep is asked for."""

from typing import Final, LiteralString

from maintcli.config.duration import Duration
from maintcli.config.rules import KEEP, TIME_COLUMN, Rule
from maintcli.engines.stale import Stale
from maintcli.errors import ConfigError, Refused
from maintcli.runtime.context import Context

_DUE: Final[LiteralString] = "{time_column} < {cutoff}"


def stale(rule: Rule, keep: Duration) -> Stale:
    """The rows of the rule's table that are older than `keep`."""
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


def _stale(context: Context, rule: Rule) -> Stale:
    if clause := KEEP.check_bounds(rule.keep):
        raise Refused(f"{rule.section.place('keep')}: {clause}. Nothing was touched.")
    called = f" ({rule.name})" if rule.name else ""
    context.log.debug(f"{rule.section.header}{called}: {rule.table} is kept for {rule.keep}")
    return stale(rule, rule.keep)._replace(origin=rule.section.place("keep"))
