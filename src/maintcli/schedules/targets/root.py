"""Schedulers that start from a repository, and so with the maint.toml at its root."""

from collections.abc import Iterable

from maintcli.schedules.entry import Note, Settings


def misplaced(settings: Settings) -> Iterable[Note]:
    """That the settings are not where a run will look for them."""
    if settings.elsewhere:
        what = f"the jobs read maint.toml at the root of the repository, not {settings.elsewhere}"
        yield Note("maint.toml", what, "copy it there, or they run with their defaults")
