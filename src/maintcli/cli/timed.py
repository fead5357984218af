"""The cron expressions that a section of maint.toml comes to."""

from collections.abc import Sequence
from datetime import UTC, datetime

from maintcli.config import timing
from maintcli.config.section import Section
from maintcli.errors import ConfigError
from maintcli.schedules import cron, every, hashed
from maintcli.schedules.fields import normal


def timed(section: Section, key: str, zone: str, default: Sequence[str] = ()) -> tuple[str, ...]:
    """What `schedule` or `every` of `section` says, else `default`; H resolved for `key`.

    Raises ConfigError for what is no expression, is never due, or cannot be said by one.
    """
    text = timing.every(section)
    if text is not None:
        try:
            return (hashed.resolve(every.expression(text), key),)
        except ValueError as error:
            raise section.wrong("every", str(error)) from None
    written = section.texts("schedule", single=True) if "schedule" in section.values else default
    return tuple(dict.fromkeys(_read(section, one, key, zone) for one in written))


def _read(section: Section, written: str, key: str, zone: str) -> str:
    try:
        expression = hashed.resolve(written, key)
        following = cron.next_time(expression, zone, datetime.now(UTC))
    except ValueError as error:
        raise ConfigError(reason=f"{section.place('schedule')}: {error}.") from None
    if following is None:
        raise section.wrong("schedule", f"{written!r} is never due; there is no such day")
    return normal(expression)
