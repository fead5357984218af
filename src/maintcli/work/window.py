"""A window: the rows that a batch looked at, kept where locked ones were left in it."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from maintcli.work.batch import Step, delete


@dataclass(frozen=True, slots=True)
class Window:
    """A condition on a part's rows, with the settings that make it cheap."""

    part: sql.Composable
    predicate: sql.Composable
    condition: sql.Composable
    settings: sql.Composable

    def step(
        self, _size: float, *, skip_locked: bool, show: Sequence[str], most_shown: int
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
        return Step(body, self.settings)
