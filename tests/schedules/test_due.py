"""The coming times of several entries"""

from datetime import UTC, datetime, timedelta

from hypothesis import given

from maintcli.schedules.due import coming, following
from maintcli.schedules.model import Entry
from tests.schedules.strategies import several

NOW = datetime(2026, 1, 1, 11, 59, tzinfo=UTC)
NOON = NOW + timedelta(minutes=1)


def test_a_moment_that_two_expressions_mean_is_one_start() -> None:
    """Since a scheduler starts an entry once; two entries are two starts, in the order of names."""
    twice = Entry("b", "x", expressions=("0 12 * * *", "*/30 * * * *"))
    other = Entry("a", "x", expressions=("0 12 * * *",))
    found = [(due.at, due.entry.key) for due in coming([twice, other], NOW, 3)]
    assert found == [(NOON, "a"), (NOON, "b"), (NOON + timedelta(minutes=30), "b")]


@given(several())
def test_they_are_in_order_and_none_is_left_out(entries: list[Entry]) -> None:
    """The first of each entry is among those up to it."""
    found = coming(entries, NOW, 20)
    assert [due.at for due in found] == sorted(due.at for due in found)
    assert len(found) == (20 if entries else 0)
    assert all(due.at > NOW for due in found)
    for due in following(entries, NOW):
        assert due in found or due.at >= found[-1].at
