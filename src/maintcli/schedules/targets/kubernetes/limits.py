"""How long Kubernetes may take over a run, and how often it may try."""

import math
from datetime import UTC, datetime
from typing import Final

from maintcli.schedules import cron

RETRIES: Final = 2
_START_SECONDS: Final = 60  # to find a node, pull the image and start the container
END_SECONDS: Final = 30  # from SIGTERM to SIGKILL; a run ends within 5, a batch, and 8 to say so
_FIRST_WAIT_SECONDS: Final = 10  # before the first retry; doubled with each, by Kubernetes itself
_LATEST_SECONDS: Final = 3600
_ANY_TIME: Final = datetime(2026, 1, 1, tzinfo=UTC)


def job_deadline(timeout_seconds: float, retries: int = RETRIES) -> int:
    """Seconds that a Job may take with all its retries, each of which may use its whole timeout.

    Kubernetes counts them from the Job's start, so this is above what our own deadlines allow.
    """
    waits = sum(_FIRST_WAIT_SECONDS << retry for retry in range(retries))
    attempt = math.ceil(timeout_seconds) + _START_SECONDS + END_SECONDS
    return (retries + 1) * attempt + waits


def starting_deadline(expression: str, zone: str) -> int:
    """Seconds after which a start that was missed is given up: the next is due, or an hour over."""
    period = cron.period(expression, zone, _ANY_TIME) or _LATEST_SECONDS
    return int(min(period, _LATEST_SECONDS))
