"""A job of these tests' own."""

import pytest

from maintcli import registry
from tests.engines.events import TARGET


@pytest.fixture
def sweep_events(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a guarded job that sweeps `analytics_events`, known in this process."""
    entry = registry.Entry(TARGET, "Remove old events.", "Sessions")
    monkeypatch.setitem(registry.JOBS, "sweep-events", entry)
    return "sweep-events"
