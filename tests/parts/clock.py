"""Runs in this process whose outcome no machine decides: a clock to move, batches of one size."""

import time
from dataclasses import dataclass
from typing import Any

import pytest

from maintcli.engines.base import retry
from maintcli.engines.base.pacing import Pace
from maintcli.runtime.stop import Never, Stop


@dataclass
class Clock:
    """The clock of this process, ahead by what a run would have waited."""

    ahead: float = 0.0
    """Seconds."""

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """A run's waits end at once, and its clock is ahead by their length from then on."""
        real = time.monotonic

        def wait(stop: Stop, seconds: float) -> None:
            stop.check()
            self.ahead += max(0.0, seconds)

        def heard(_stop: Never, seconds: float) -> bool:
            self.ahead += max(0.0, seconds)
            return False

        patch.setattr(time, "monotonic", lambda: real() + self.ahead)
        patch.setattr(Stop, "wait", wait)
        patch.setattr(Never, "heard", heard)

    def batches_take(self, seconds: float, patch: pytest.MonkeyPatch) -> None:
        """Move the clock with each batch that is sent."""
        send = retry.send

        def sent(*arguments: Any, **options: Any) -> Any:
            self.ahead += seconds
            return send(*arguments, **options)

        patch.setattr(retry, "send", sent)


def one_chunk_a_batch(patch: pytest.MonkeyPatch) -> None:
    """Each batch is one chunk of the size that a walk begins with, and no rest follows it."""
    fixed = property(lambda _pace: 0.0, lambda _pace, _value: None)
    patch.setattr(Pace, "budget_ms", fixed, raising=False)
    patch.setattr(Pace, "learn", lambda *_: 0.0)
