"""[observers]: who is told how runs go, and how long they may take."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from maintcli.config.duration import duration
from maintcli.config.section import Section
from maintcli.config.variables import Read, Sourced, read_secret

SECONDS: Final = 2.0
_MOST_SECONDS: Final = 30.0
_FILLED: Final = re.compile(r"(?<!\$)\$\{([A-Za-z_]\w*)\}")
_LED_TO: Final = re.compile(r"\s*env:\s*([A-Za-z_]\w*)\s*")


class ObserverSettings(NamedTuple):
    """The section of one observer; relative paths are relative to `base`."""

    section: Section
    base: Path

    def secret(self, key: str) -> Read | None:
        """The text under `key`, or what its `file:PATH` or `env:NAME` leads to; None without it.

        Raises ConfigError.
        """
        raw = self.section.raw_text(key)
        if raw is None:
            return None
        filled = Sourced(self.section.variables.fill(raw, self.section.place(key)), raw)
        place = Sourced(filled.value, self.section.place(key))
        return read_secret(place, self.section.variables, self.base)


class ObserverConfig(NamedTuple):
    """All of [observers]: `seconds` is how long they are waited for at the end of a run."""

    seconds: float = SECONDS
    each: Mapping[str, ObserverSettings] = {}

    @property
    def secrets(self) -> tuple[str, ...]:
        """The variables that `env:NAME` leads to; a run reads them wherever it is started."""
        return self._named(_LED_TO)

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables that are filled in for `${NAME}`."""
        return self._named(_FILLED)

    def _named(self, pattern: re.Pattern[str]) -> tuple[str, ...]:
        texts = [
            value
            for one in self.each.values()
            for value in one.section.values.values()
            if isinstance(value, str)
        ]
        return tuple(dict.fromkeys(name for text in texts for name in pattern.findall(text)))


def read_observers(top: Section, base: Path) -> ObserverConfig:
    """The section [observers] and those below it. Raises ConfigError."""
    section = top.section("observers")
    each = {
        name: ObserverSettings(section.section(name), base)
        for name, value in section.values.items()
        if isinstance(value, dict)
    }
    section.only([*each, "timeout"])
    return ObserverConfig(_seconds(section), each)


def _seconds(section: Section) -> float:
    text = section.text("timeout")
    if text is None:
        return SECONDS
    seconds = section.parse("timeout", text, lambda value: duration(str(value))).approx_seconds
    if not 0 < seconds <= _MOST_SECONDS:
        raise section.wrong("timeout", f'{text} will not do; have "1s" to "{_MOST_SECONDS:.0f}s"')
    return float(seconds)
