"""A window: the rows that a batch looked at, kept where locked ones were left in it."""

from collections.abc import Mapping
from typing import Any

from psycopg import sql

from maintcli.db.sqlstate import SCHEMA_CHANGED
from maintcli.work.batch import Done, Step
from maintcli.work.bite import Bite
from maintcli.work.delete import delete
from maintcli.work.sweep.tally import Rule, Tally

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
    """Something that walks rows to which no foreign key refers; see cascade/walk.py for others."""

    part: sql.Composable

    @property
    def unchanged(self) -> sql.Composable:
        """PL/pgSQL that raises where a foreign key refers to the rows after all."""
        return _UNREFERENCED.format(part=self.part.as_string(), state=SCHEMA_CHANGED)

    def take_whole(self) -> bool:
        """There is nothing below a row that could go before it."""
        return False

    def tell(self, tally: Tally, rule: Rule, extra: Mapping[str, Any]) -> None:
        """Nothing happened beside the rows themselves."""


class Window(Plain):
    """A condition on a part's rows, with the settings that make it cheap."""

    def __init__(
        self,
        part: sql.Composable,
        predicate: sql.Composable,
        condition: sql.Composable,
        settings: sql.Composable,
    ) -> None:
        self.part = part
        self.predicate = predicate
        self.condition = condition
        self.settings = settings
        self.finished = False

    def step(self, bite: Bite) -> Step:
        """A batch over the same rows. What is still locked is left, asked for or not."""
        asked = bite._replace(skip_locked=True)
        body = delete(self.part, self.condition, self.predicate, asked)
        return Step(sql.Composed([body, sql.SQL("\nmaint_stop := true;")]), self.settings)

    def advance(self, done: Done) -> float:
        """One batch is all there is; return its rows."""
        self.finished = True
        return done.rows
