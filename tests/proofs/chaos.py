"""How often, at which instants, and where the figures go."""

import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from random import Random
from typing import TypeVar

from tests.parts.waiting import until

T = TypeVar("T")
SEED = os.environ.get("MAINT_CHAOS_SEED", "20261122")
FULL = os.environ.get("MAINT_CHAOS") == "full"
BEYOND = 1.1
"""Instants reach from the start of a process to a little after its usual end."""


@dataclass(frozen=True)
class Usual:
    """What an undisturbed run takes."""

    seconds: float
    batches: int

    @property
    def seconds_a_batch(self) -> float:
        """Or less: the start and the end of the run are in it."""
        return self.seconds / max(self.batches, 1)


@dataclass(frozen=True)
class Strike:
    """When to strike: so long after the start, or after so many batches were committed."""

    seconds: float = 0.0
    batches: int = 0

    def wait(self, process: subprocess.Popen[str], batches: Callable[[], int]) -> None:
        """Wait for it, or for the end of `process`; `batches` counts those committed."""
        if self.batches:
            until(
                lambda: batches() >= self.batches or process.poll() is not None,
                f"{self.batches} batches were committed",
            )
        after(self.seconds)


def after(seconds: float) -> None:
    """Let that much time pass: here the instant is the subject, not a guess at readiness."""
    time.sleep(seconds)


@dataclass
class Chaos:
    """The seeded chance of one test, and the tally of what it met."""

    name: str
    met: Counter[str] = field(default_factory=Counter)
    _random: Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = Random(f"{SEED} {self.name}")  # noqa: S311  not for secrets

    def times(self, few: int, many: int) -> int:
        """`many` with MAINT_CHAOS=full, else `few`."""
        return many if FULL else few

    def instants(self, number: int, seconds: float) -> list[float]:
        """So many instants, from the start to a little after an end that is usual after `seconds`.

        They are spread evenly, each by chance within its part.
        """
        width = seconds * BEYOND / number
        return [(n + self._random.random()) * width for n in range(number)]

    def strikes(self, number: int, usual: Usual, *, in_mid_run: bool = False) -> list[Strike]:
        """The same for a run of batches.

        One in three counts batches instead of seconds, since a busy machine makes time elastic;
        `in_mid_run` five in six do, where the start and the end are not what is to be met.
        """
        instants = self.instants(number, usual.seconds)
        part = usual.batches / 2 / number
        return [
            self.inside(usual, 1 + int(n * part))
            if n % 3 == 1 or (in_mid_run and n % 6)
            else Strike(seconds=seconds)
            for n, seconds in enumerate(instants)
        ]

    def inside(self, usual: Usual, batches: int) -> Strike:
        """So many batches were committed, and a chance part of the next has passed."""
        return Strike(self._random.random() * usual.seconds_a_batch, batches)

    def must_have_met(self, what: str) -> None:
        """Fail where the full counts never met it: they would prove nothing of it."""
        assert self.met[what] or not FULL, f"never {what}: {self.met}"

    def pick(self, number: int, most: int) -> list[int]:
        """Different numbers from 1 to `most`, in order."""
        return sorted(self._random.sample(range(1, most + 1), min(number, most)))

    def turns(self, number: int, most: int) -> list[int]:
        """So many numbers from 1 to `most`, none again before all have had their turn."""
        rounds = (self.shuffled(range(1, most + 1)) for _ in range(number))
        return list(islice(chain.from_iterable(rounds), number))

    def shuffled(self, things: Sequence[T]) -> list[T]:
        """The same in an order of chance."""
        return self._random.sample(things, len(things))

    def record(self, server_version: str) -> None:
        """Append the tally to the file named by MAINT_CHAOS_RESULTS, one JSON object a line."""
        path = os.environ.get("MAINT_CHAOS_RESULTS")
        if not (FULL and path):
            return
        line = {
            "proof": self.name,
            "date": datetime.now(UTC).date().isoformat(),
            "postgresql": server_version,
            "seed": SEED,
            "met": dict(self.met),
        }
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
