"""A window: the rows that a batch looked at, kept where locked ones were left in it."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from psycopg import sql

from maintcli.db.sqlstate import SCHEMA_CHANGED
from maintcli.engines.base.batch import Done, Step
from maintcli.engines.base.delete import Bite, delete, lock_tables
from maintcli.engines.sweep.tally import Rule, Tally

if TYPE_CHECKING:
    from maintcli.engines.foreign_keys.windows import Windows

# What refers to the part from now on would lose rows that nobody counts. Foreign keys cannot be
# added behind the DELETE before COMMIT; those added before have their triggers on the part.
_UNREFERENCED = sql.SQL("""IF EXISTS (
    SELECT FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_constraint k ON k.oid = t.tgconstraint
    WHERE t.tgrelid = {part}::pg_catalog.regclass::pg_catalog.oid
      AND k.contype = 'f' AND k.confrelid = t.tgrelid
) THEN
    RAISE EXCEPTION 'a foreign key was added' USING ERRCODE = {state};
END IF;""")


class Plain:
    """Walks rows to which no foreign key refers; for others see foreign_keys/walk.py.

    `part` is the relation of that `oid`.
    """

    part: sql.Composable
    oid: int
    predicate: sql.Composable

    def windows(self) -> "Windows":
        """The same way as a walk takes it that can pass by single rows."""
        raise NotImplementedError

    @property
    def unchanged(self) -> sql.Composable:
        """PL/pgSQL that raises where a foreign key refers to the rows after all."""
        return _UNREFERENCED.format(part=self.part.as_string(), state=SCHEMA_CHANGED)

    def tell(self, tally: Tally, rule: Rule, extra: Mapping[str, Any]) -> None:
        """Nothing happened beside the rows themselves."""

    def made(
        self, bite: Bite, body: sql.Composable, settings: sql.Composable, declare: sql.Composable
    ) -> Step:
        """A step, in which whatever waits with `bite.skip_locked` waits for a row."""
        locks = [lock_tables([sql.SQL("ONLY {}").format(self.part)])] if bite.skip_locked else []
        settings = sql.SQL("; ").join([settings, *locks])
        return Step(body, settings, declare, walk_closer=True)


class Window(Plain):
    """A condition on a part's rows, with the settings that make it cheap; `close` makes the windows
    of a walk over them that can pass by single rows.
    """

    def __init__(
        self,
        walk: Plain,
        condition: sql.Composable,
        settings: sql.Composable,
        close: "Callable[[], Windows]",
    ) -> None:
        self.part, self.oid, self.predicate = walk.part, walk.oid, walk.predicate
        self.condition = condition
        self.settings = settings
        self.close = close
        self.finished = False

    def windows(self) -> "Windows":
        """The same rows."""
        return self.close()

    def step(self, bite: Bite) -> Step:
        """A batch over the same rows. What is still locked is left, asked for or not."""
        asked = bite._replace(skip_locked=True)
        body = delete(self.part, self.condition, self.predicate, asked)
        whole = sql.Composed([body, sql.SQL("\nmaint_stop := true;")])
        return self.made(asked, whole, self.settings, sql.SQL(""))

    def advance(self, done: Done) -> float:
        """One batch is all there is; return its rows."""
        self.finished = True
        return done.rows
