"""When a section's job is to be started: `schedule` or `every`, `options`, `enabled`."""

from typing import Final

from maintcli.config import values
from maintcli.config.duration import Duration
from maintcli.config.section import Section

KEYS: Final = ("enabled", "every", "options", "parallelism", "schedule")
_MOST_PARTS: Final = 1000


def check_timing(section: Section) -> None:
    """Raise ConfigError for a value of the wrong kind, and for `every` beside `schedule`."""
    section.boolean("enabled")
    section.texts("schedule", single=True)
    words(section)
    every(section)
    parallelism(section)


def every(section: Section) -> str | None:
    """The text of `every`, which is a duration, or None. Raises ConfigError."""
    text = section.text("every")
    if text is None:
        return None
    if "schedule" in section.values:
        raise section.wrong(
            "every", "it does not go with schedule, which says the same in full; leave out one"
        )
    try:
        Duration.parse(text)
    except ValueError as error:
        raise section.wrong("every", str(error)) from None
    return text.strip()


def words(section: Section) -> tuple[str, ...]:
    """The words of `options`: a list as it stands, or one text split as a shell would.

    `${NAME}` is not filled in: they are written into files that others read. Raises ConfigError.
    """
    if not isinstance(section.values.get("options"), str):
        return section.texts("options")
    import shlex

    (text,) = section.texts("options", single=True)
    try:
        return tuple(shlex.split(text))
    except ValueError:
        raise section.wrong(
            "options", 'a quotation mark is left open; write a list: ["--limit", "1000"]'
        ) from None


def parallelism(section: Section) -> int:
    """How many processes shall share the work, where a scheduler can start several at once.

    1 where nothing is said. Raises ConfigError.
    """
    value = section.values.get("parallelism", 1)
    try:
        parts = values.integer(value)
    except ValueError as error:
        raise section.wrong("parallelism", str(error)) from None
    if not 1 <= parts <= _MOST_PARTS:
        raise section.wrong("parallelism", f"{parts} will not do; have 1 to {_MOST_PARTS}")
    return parts
