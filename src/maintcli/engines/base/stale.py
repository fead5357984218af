"""What a job says of one table: which rows are stale."""

from typing import LiteralString, NamedTuple

from maintcli.config.duration import Duration
from maintcli.config.tables import TableMap


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
