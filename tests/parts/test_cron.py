"""The cron of the tests fires, and leaves the machine alone."""

from pathlib import Path

from tests.parts.cron import cron
from tests.parts.folders import short_folder
from tests.parts.waiting import until


def test_cron_fires_the_jobs_of_both_kinds_of_crontab() -> None:
    """A system crontab names the user in each line, a user's own does not."""
    with (
        short_folder() as folder,
        cron(f"* * * * * root touch {folder}/system\n"),
        cron(f"* * * * * touch {folder}/own\n", user="root"),
    ):
        until((folder / "system").exists, "the system's job has fired", seconds=70)
        until((folder / "own").exists, "the user's job has fired", seconds=10)
    assert not Path("/etc/cron.d/maint").exists()
