"""The line of maint.toml that enables jobs."""

from maintcli import catalog


def enable(*names: str) -> str:
    """It, for `names`, or for every built-in job."""
    return f"jobs = {[*(names or catalog.JOBS)]}\n"
