"""A job that drains `jobs` by a handler of the test's own, and one for `outbox` with lanes."""

from collections.abc import Callable

from maintcli.api import Backoff, Drain, Drained, Item, Queue, Result, Run, Verdict, WouldDrain, job

TARGET = f"{__name__}:drain_jobs"
MAILS = f"{__name__}:drain_mails"
JOBS = Queue(
    table="jobs",
    due="{status}::text = {'pending'} AND {run_after} <= {now}",
    since="run_after",
    order=("{priority}", "{created_at}", "{id}"),
    columns=("type", "payload"),
    count="retry_count",
    claim={
        "status": "{'running'}",
        "retry_count": "{retry_count} + 1",
        "locked_until": "{now} + {lease}",
        "run_token": "{token}",
        "started_at": "{now}",
    },
    fence=("run_token",),
    done={"status": "{'completed'}", "finished_at": "{now}", "run_token": "NULL"},
    retry={
        "status": "{'pending'}",
        "run_after": "{now} + {delay}",
        "error_message": "{error}",
        "run_token": "NULL",
    },
    give_back={
        "status": "{'pending'}",
        "run_after": "{now} + {delay}",
        "retry_count": "{retry_count} - 1",
        "run_token": "NULL",
    },
    give_up={
        "status": "{'failed'}",
        "finished_at": "{now}",
        "error_message": "{error}",
        "run_token": "NULL",
    },
    backoff=Backoff(attempts=3, delays=(15, 30)),
    lane="type",
    lane_failures=5,
    least_seconds=5,
)
handler: list[Callable[[Item], Result]] = []


@job(schedule=None, group="Queues", engine=Drain())
def drain_jobs(run: Run) -> Drained | WouldDrain:
    """Work off jobs."""
    return run.drain(JOBS, handler[0])


def done(_item: Item) -> Result:
    """Everything succeeds."""
    return Result(Verdict.DONE)
