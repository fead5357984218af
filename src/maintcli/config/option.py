"""A setting of a job: one declaration for its flag, its variable and its TOML key."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple, cast

from maintcli.config import values
from maintcli.config.duration import Duration


class Kind(StrEnum):
    """What sort of value an option takes; the text is what stands for it in `--help`."""

    DURATION = "duration"
    INTEGER = "integer"
    PERCENT = "percent"
    FLAG = "flag"
    TEXT = "text"
    CHOICE = "choice"
    PATH = "path"
    LOCATION = "location"  # a folder, or the URL of a bucket
    LIST = "list"


class _Form(NamedTuple):
    """How values of a kind are written: parser, example, and bounds where the option has none."""

    parse: Callable[[object], Any]
    example: str
    least: str | None = None
    most: str | None = None


_FORMS: Final = {
    Kind.DURATION: _Form(values.age, "30m", least="0"),
    Kind.INTEGER: _Form(values.integer, "1000", least="0"),
    Kind.PERCENT: _Form(values.percent, "50", least="0", most="100"),
    Kind.FLAG: _Form(values.flag, "true"),
    Kind.TEXT: _Form(values.text, "text"),
    Kind.PATH: _Form(values.path, "some/path"),
    Kind.LOCATION: _Form(values.text, "some/folder"),
    Kind.LIST: _Form(values.texts, "one,two"),
}
"""All kinds but CHOICE, whose values stand in the option."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """One setting; `name` is the parameter's (`stale_after`), `default` its typed value or None.

    `min` and `max` are written as a user would write the value. Without them numbers and
    durations may not be negative and a percentage is at most 100.
    `configurable=False` means: by the flag only, never by a variable or maint.toml.
    `guarded` means: a value out of bounds is not wrong usage, a guard refuses it in the run.
    `needs` names an option that must be given too, `excludes` one that must not be.
    """

    name: str
    kind: Kind
    default: Any = None
    help: str = ""
    min: str | None = None
    max: str | None = None
    choices: tuple[str, ...] = ()
    metavar: str | None = None
    short: str | None = None
    configurable: bool = True
    guarded: bool = False
    needs: str | None = None
    excludes: str | None = None

    @property
    def key(self) -> str:
        """The TOML key: `stale-after`."""
        return self.name.replace("_", "-")

    @property
    def flag(self) -> str:
        """The long flag: `--stale-after`."""
        return f"--{self.key}"

    def variable(self, job: str) -> str:
        """The environment variable for `job`; without a job, that of a global setting."""
        words = f"maint_{job}_{self.name}" if job else f"maint_{self.name}"
        return "".join(c if c.isalnum() else "_" for c in words).upper()

    @property
    def example(self) -> str:
        """A value that this option would take, as a user writes it."""
        if self.default not in (None, ()):
            return self.show(self.default)
        if self.kind is Kind.CHOICE:
            return self.choices[0]
        if self.kind is Kind.LIST and self.choices:
            return ",".join(self.choices)
        return self.min or _FORMS[self.kind].example

    def parse(self, value: object) -> Any:
        """The typed value of a flag's or variable's text or of a TOML value.

        Raises ValueError with a clause that fits behind the option's name.
        """
        if self.kind is Kind.CHOICE:
            return values.one_of(value, self.choices)
        if self.kind is Kind.LIST and self.choices:
            return tuple(values.one_of(one, self.choices) for one in values.texts(value))
        return _FORMS[self.kind].parse(value)

    def check_bounds(self, value: Any) -> str | None:
        """What is wrong with a parsed value, as a clause, or None when it is within bounds."""
        form = _FORMS.get(self.kind)
        low = self.min if self.min is not None or form is None else form.least
        high = self.max if self.max is not None or form is None else form.most
        if low is not None and _rank(value) < _rank(self.parse(low)):
            return f"{self.show(value)} {self._too_low(value)}; it must be at least {low}"
        if high is not None and _rank(value) > _rank(self.parse(high)):
            return f"{self.show(value)} is too large; it must be at most {high}"
        return None

    def show(self, value: Any) -> str:
        """A parsed value as a user would write it; parsing it again gives the same value."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, tuple):
            return ",".join(cast("tuple[str, ...]", value))
        if isinstance(value, float):
            return f"{value:g}" if float(f"{value:g}") == value else repr(value)
        return str(value)

    def _too_low(self, value: Any) -> str:
        if self.kind is Kind.DURATION and _rank(value) < 0:
            return "lies in the future"
        return "is too small"


def _rank(value: Any) -> float:
    return value.approx_seconds if isinstance(value, Duration) else value
