"""The comment that a partition carries from before it is detached until it is dropped.

A run that is killed in between leaves a table of its own that looks like any other; by the mark the
next run knows it. The comment that was there before stands behind it, and comes back.
"""

from typing import LiteralString, NamedTuple

from psycopg import sql

from maintcli.engines.base.target import Target
from maintcli.runtime.context import Context

_MARKED: LiteralString = """
SELECT c.oid, n.nspname::text, c.relname::text, d.description, i.inhparent IS NOT NULL,
       coalesce(i.inhdetachpending, false)
FROM pg_catalog.pg_description d
JOIN pg_catalog.pg_class c ON c.oid = d.objoid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid
WHERE d.classoid = 'pg_catalog.pg_class'::regclass AND d.objsubid = 0
  AND starts_with(d.description, %s) AND pg_has_role(c.relowner, 'USAGE')
ORDER BY n.nspname, c.relname
"""


class Marked(NamedTuple):
    """A table with our mark; `attached` (with `pending`: no longer wholly) or standing alone."""

    oid: int
    schema: str
    table: str
    comment: str
    attached: bool
    pending: bool

    @property
    def quoted(self) -> sql.Composable:
        """The table's name, quoted for a statement."""
        return sql.Identifier(self.schema, self.table)

    @property
    def is_to_be_dropped(self) -> bool:
        """Whether it was detached to be dropped, and not to be kept."""
        return self.comment.partition(" to ")[2].startswith("drop")

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}"


def mark(context: Context, target: Target, comment: str | None, *, keep: bool) -> str:
    """The comment for a partition that is about to be detached; its own stands behind."""
    run = context.lease.run_id if context.lease else "without a ledger"
    why = f"{'keep' if keep else 'drop'} it ({target.table}, run {run})"
    return "\n".join([_prefix(target) + why, *([comment] if comment else [])])


def former(comment: str) -> str | None:
    """The comment that was there before the mark."""
    return comment.partition("\n")[2] or None


def marked(context: Context, target: Target) -> list[Marked]:
    """The tables that runs before this one marked as partitions of `target`."""
    return [Marked(*row) for row in context.session.read(_MARKED, [_prefix(target)])]


def comment_on(table: sql.Composable, comment: str | None) -> sql.Composable:
    """The statement that sets a table's comment."""
    return sql.SQL("COMMENT ON TABLE {} IS {}").format(table, sql.Literal(comment))


def _prefix(target: Target) -> str:
    # The number is the table's here and nowhere else: a copy of the database is not acted on.
    return f"maint detaches this partition of table {target.table.oid} to "
