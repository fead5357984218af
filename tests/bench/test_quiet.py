"""Measurements that others disturbed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.load import Load
from bench.processors import Process, Reading, lost
from bench.quiet import Watch, measured

from bench import quiet


@pytest.fixture(autouse=True)
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """A watch of the test's own that lets everything be made again three times."""
    mine = Watch(most_again=3)
    monkeypatch.setattr(quiet, "WATCH", mine)
    return mine


def _losing(watch: Watch, shares: list[float]) -> Iterator[int]:
    """Measurements, numbered from 0, that lose those shares in turn."""
    for number, share in enumerate(shares):
        watch.intervals.append(share)
        yield number


def test_what_others_disturbed_is_measured_again_until_it_is_quiet(watch: Watch) -> None:
    """The first measurement within the limit counts, however good the figures before it were."""
    ways = _losing(watch, [0.5, 0.03, 0.01, 0.0])
    assert measured(lambda: next(ways)) == (2, 0.01)
    assert watch.again == 2
    assert watch.kept == [0.01]


def test_a_machine_that_is_never_quiet_ends_the_repeating(watch: Watch) -> None:
    """Of four noisy measurements the least disturbed one counts, and the section says so."""
    ways = _losing(watch, [0.5, 0.07, 0.3, 0.2, 0.0])
    assert measured(lambda: next(ways)) == (1, 0.07)
    assert "3 measurements were discarded" in watch.said()
    assert "1 count, of which 1 lost up to 7 %" in watch.said()


def test_a_measurement_is_as_disturbed_as_its_worst_interval(watch: Watch) -> None:
    """Quiet seconds before the sweep do not make up for a noisy sweep."""
    watch.most_again = 0

    def way() -> None:
        watch.intervals.extend([0.4, 0.01])

    assert measured(way) == (None, 0.4)


def test_lost_is_the_share_of_all_processors() -> None:
    """Half a second of steal, in one second of two processors, is a quarter."""
    assert lost(Reading({}, 1.0, 100.0), Reading({}, 1.5, 102.0), {10}) == 0.25


def test_own_processes_and_all_below_them_are_no_others() -> None:
    """Only what has none of ours above it counts, the new ones among them as well."""
    before = {1: Process(0, 5, 0), 10: Process(1, 5, 0), 11: Process(10, 5, 0)}
    after = {
        1: Process(0, 6, 0),
        10: Process(1, 7, 0),
        11: Process(10, 9, 8),
        20: Process(1, 2, 1),
    }
    assert lost(Reading(before, 0, 0), Reading(after, 0, 10), {10}) == 0.4


def test_what_ended_meanwhile_counts_for_its_last_moments() -> None:
    """Neither for what it used before, nor against others where nobody asked after it."""
    shell, pytest_run, orphan = Process(0, 0, 1), Process(1, 5, 0), Process(2, 90, 0)
    before = {1: shell, 8: pytest_run, 9: orphan}
    after = {1: Process(0, 0, 1 + 5 + 3)}
    assert lost(Reading(before, 0, 0), Reading(after, 0, 10), {10}) == 0.3


def test_one_stolen_moment_spoils_one_quarter_and_not_the_p99(tmp_path: Path) -> None:
    """A stall of 20 ms in two seconds leaves the middle p99 alone; one in each quarter does not."""
    assert _p99(tmp_path / "stolen", stalled_quarters=1) == 1.0
    assert _p99(tmp_path / "swept", stalled_quarters=8) == 20.0


def _p99(log: Path, stalled_quarters: int) -> float:
    lines = [
        f"0 {at} {20_000 if at < 10 and quarter < stalled_quarters else 1_000} 0"
        f" {1_000 + quarter // 4} {quarter % 4 * 250_000 + at * 1_000} 0"
        for quarter in range(8)
        for at in range(250)
    ]
    log.with_suffix(".1").write_text("\n".join([*lines, "cut sho"]))
    return Load(log).window(1_000, 1_002).p99
