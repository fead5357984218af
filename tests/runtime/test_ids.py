"""Run ids, where a run says it comes from, and the small rules of time."""

import uuid

import pytest

from maintcli.engines.base.pacing import Pace
from maintcli.runtime.context import new_run_id, origin, runner_id, scheduled_for


def test_run_ids_are_version_7_and_in_order_of_time() -> None:
    """As RFC 9562 has it."""
    ids = [uuid.UUID(new_run_id()) for _ in range(200)]
    assert {(i.version, i.variant) for i in ids} == {(7, uuid.RFC_4122)}
    assert len(set(ids)) == 200
    assert [i.int >> 80 for i in ids] == sorted(i.int >> 80 for i in ids)


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("GITHUB_ACTIONS", "github"),
        ("KUBERNETES_SERVICE_HOST", "kubernetes"),
        ("INVOCATION_ID", "systemd"),
        ("RENDER", "render"),
        ("RAILWAY_ENVIRONMENT_ID", "railway"),
        ("UNRELATED", "manual"),
    ],
)
def test_the_origin_is_found_from_the_environment(variable: str, expected: str) -> None:
    """Nobody has to say where a run comes from."""
    assert origin({variable: "1"}) == expected
    assert origin({variable: "1", "MAINT_ORIGIN": "mine"}) == "mine"


def test_the_runner_is_named_or_the_host() -> None:
    """JOB_RUNNER_ID, else the host's name."""
    assert runner_id({"JOB_RUNNER_ID": "pod"}) == "pod"
    assert runner_id({})


def test_the_scheduled_time_is_taken_where_it_is_known() -> None:
    """MAINT_SCHEDULED_FOR; nonsense means unknown."""
    when = scheduled_for({"MAINT_SCHEDULED_FOR": "2026-02-16T10:00:00Z"})
    assert when is not None
    assert when.isoformat() == "2026-02-16T10:00:00+00:00"
    assert scheduled_for({"MAINT_SCHEDULED_FOR": "soon"}) is None


@pytest.mark.parametrize(("share", "rest"), [(50, 0.010), (25, 0.030), (100, 0.0)])
def test_a_batch_is_followed_by_rest_as_the_share_says(share: float, rest: float) -> None:
    """Half of the time means as long a rest as the work was."""
    assert Pace(10, share, 16).learn(16, 10, 10) == pytest.approx(rest)


def test_the_way_to_the_server_counts_as_rest_and_makes_batches_larger() -> None:
    """At a distance of 50 ms a batch of 10 ms would be mostly waiting."""
    pace = Pace(10, 50, 16)
    assert pace.learn(16, 10, 60) == 0
    assert pace.budget_ms == 75


def test_bites_follow_what_they_cost() -> None:
    """Several bites to a batch, growing at most by half at a time, never below one."""
    pace = Pace(8, 50, 16)
    pace.learn(1, 100, 100)
    assert pace.bite == 16  # the first batch is cold, and teaches nothing
    pace.learn(1000, 8, 8)
    assert pace.bite == 24
    pace.learn(2, 8, 8)
    assert pace.bite == 1
    pace.shrink()
    assert pace.bite == 1
