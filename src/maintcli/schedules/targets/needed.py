"""The variables that entries need from where they run, beside the database's URL."""

from collections.abc import Iterable
from textwrap import fill

from maintcli.schedules.entry import DATABASE_URL, Entry


def further(entries: Iterable[Entry]) -> list[str]:
    """Those that some need and others do not, each once."""
    names = dict.fromkeys(name for entry in entries for name in entry.needs)
    names.pop(DATABASE_URL, None)
    return [*names]


def held(where: str, names: Iterable[str]) -> str:
    """Lines of comment that `where` must hold them, too; nothing where there are none."""
    listed = ", ".join(names)
    if not listed:
        return ""
    text = f"{where} these, too: {listed}."
    lines = fill(text, 100, initial_indent="# ", subsequent_indent="# ", break_long_words=False)
    return f"{lines}\n"


def key(variable: str) -> str:
    """What `variable` is called where a name is in lowercase, with hyphens."""
    return variable.lower().replace("_", "-")
