"""A window: the rows that a batch looked at, kept where locked ones were left in it."""

from collections.abc import Sequence
from typing import NamedTuple

from psycopg import sql

from maintcli.work.batch import Step, delete


class Window(NamedTuple):
    """A condition on a part's rows, with the settings that make it cheap."""

    part: sql.Composable
    predicate: sql.Composable
    condition: sql.Composable
    settings: sql.Composable

    def step(
        self, _bite: float, *, skip_locked: bool, show: Sequence[str], most_shown: int
    ) -> Step:
        """A batch over the same rows. What is still locked is left, asked for or not."""
        del skip_locked
        body = delete(
            self.part,
            self.condition,
            self.predicate,
            skip_locked=True,
            show=show,
            most_shown=most_shown,
        )
        return Step(sql.Composed([body, sql.SQL("\nmaint_stop := true;")]), self.settings)
