"""Telling observers how a run goes: each in a thread of its own, bounded in time, and never to
the run's harm.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from threading import Thread
from types import MappingProxyType
from typing import Literal, NamedTuple

from maintcli.errors import Outcome
from maintcli.runtime.log import Log
from maintcli.runtime.report import Report


class Event(NamedTuple):
    """What an observer is told: that the work begins, that a run ended, or was skipped.

    `report` has the result, unless the run has only `started`. `log` are the run's last lines,
    secrets masked. A run that fails before its work begins has no `started`.
    """

    kind: Literal["started", "ended", "skipped"]
    report: Report
    log: tuple[str, ...] = ()


Observer = Callable[[Event], None]


class Observers:
    """Those who are told of one run; `load` imports and makes each, by its name.

    One that fails or takes longer than `seconds` is named in the log, and changes nothing else.
    """

    def __init__(
        self,
        load: Mapping[str, Callable[[], Observer]] = MappingProxyType({}),
        seconds: float = 0.0,
    ) -> None:
        self._load = load
        self._seconds = seconds
        self._threads: dict[str, Thread] = {}
        self._made: dict[str, Observer] = {}
        self._failed: dict[str, str] = {}

    def tell_start(self, report: Report, log: Log) -> None:
        """Tell each of them that the work begins, without waiting."""
        self._send(Event("started", replace(report), log.tail))

    def tell_end(self, report: Report, log: Log) -> None:
        """Tell each of them how it ended; wait for `seconds` at the most, and log who failed."""
        is_skipped = report.outcome is Outcome.SKIPPED
        self._send(Event("skipped" if is_skipped else "ended", replace(report), log.tail))
        end = time.monotonic() + self._seconds
        for name, thread in self._threads.items():
            thread.join(max(0.0, end - time.monotonic()))
            if thread.is_alive():
                log.error(f"observer {name} took longer than {self._seconds:g} s; it was left")
            elif name in self._failed:
                log.error(f"observer {name} failed: {self._failed[name]}")

    def _send(self, event: Event) -> None:
        for name in self._load:
            before = self._threads.get(name)  # one that is still being told is told afterwards
            thread = Thread(target=self._tell, args=(name, event, before), daemon=True)
            self._threads[name] = thread
            thread.start()

    def _tell(self, name: str, event: Event, before: Thread | None) -> None:
        if before is not None:
            before.join()
        try:
            if name not in self._made:
                self._made[name] = self._load[name]()
            self._made[name](event)
        except BaseException as error:  # noqa: BLE001  sys.exit of a stranger's code, too
            self._failed[name] = f"{type(error).__name__}: {error}"
