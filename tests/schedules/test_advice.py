"""Advice on schedules that are allowed"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maintcli.schedules import shorthand
from maintcli.schedules.advice import Advice, advise
from maintcli.schedules.due import least_gap, starts
from maintcli.schedules.model import Entry
from tests.schedules.strategies import keys, several


def entry(*crons: str, key: str = "a", zone: str = "UTC", timeout: float = 60) -> Entry:
    """A sweep that is due then."""
    return Entry(key, "a-job", "", crons, zone, timeout, heavy=True)


def kinds(*entries: Entry, target: str | None = None) -> list[tuple[str, tuple[str, ...]]]:
    """What kind of advice there is, and for whom."""
    return [(one.kind, one.keys) for one in advise(entries, target)]


def test_a_schedule_of_its_own_gets_no_advice() -> None:
    """An odd minute, in UTC, once a day; without entries nothing is said at all."""
    assert advise([entry("17 3 * * *")]) == ()
    assert advise([]) == advise([], "github") == ()


@pytest.mark.parametrize(
    ("cron", "better"),
    [
        ("0 2 * * *", "H 2 * * *"),
        ("30 4 * * 0", "H 4 * * 0"),
        ("*/5 * * * *", "H/5 * * * *"),
        ("0,30 * * * *", "H/30 * * * *"),
        ("15 */2 * * *", None),
        ("* * * * *", None),
        ("7-59/10 * * * *", None),
    ],
)
def test_minutes_at_which_everybody_runs(cron: str, better: str | None) -> None:
    """Advice to let a hash choose, in words that maint reads; not for each minute of all."""
    found = [one for one in advise([entry(cron)]) if one.kind == "crowded"]
    assert bool(found) == (better is not None)
    if better:
        assert f'"{better}"' in found[0].instead
        assert shorthand.resolve(better, "a")


def test_crowded_minutes_are_said_once() -> None:
    """Ten entries like that are one line that names them."""
    some = [entry("0 9 * * *", key="a"), entry("7 9 * * *", key="b"), entry("*/5 9 * * *", key="c")]
    assert ("crowded", ("a", "c")) in kinds(*some)
    many = [entry("0 9 * * *", key=key)._replace(heavy=False) for key in "abcdefg"]
    (line,) = map(str, advise(many))
    assert line.startswith("a, b, c and 4 more: most jobs of other users start at the")


@settings(deadline=None)
@given(keys, st.sampled_from(["H * * * *", "H H * * *", "H/15 * * * *", "H/2 * * * *"]))
def test_who_has_taken_the_advice_gets_no_more_of_it(key: str, written: str) -> None:
    """Whatever H comes to, it is not a crowded minute."""
    one = entry(shorthand.resolve(written, key), timeout=60)
    assert not {"crowded", "github-delay"} & {kind for kind, _ in kinds(one)}
    assert not {"crowded"} & {kind for kind, _ in kinds(one, target="github")}


def test_the_schedules_that_jobs_bring_are_advised_on_in_one_line() -> None:
    """They begin at full hours, and two of them meet: that is our doing and not the reader's."""
    ours = [entry("0 2 * * *", key=key, timeout=1800)._replace(is_default=True) for key in "ab"]
    assert kinds(*ours) == [("crowded", ("a", "b"))]
    mine = entry("7 2 * * *", key="c", timeout=1800)
    assert ("overlap", ("a", "b", "c")) in kinds(*ours, mine)


def test_each_kind_of_advice_is_said_once() -> None:
    """With the first as an example."""
    some = [entry("7-59/10 * * * *", key=key, timeout=601)._replace(heavy=False) for key in "ab"]
    night = [one._replace(expressions=("7 1 * * *",), zone="Europe/Paris") for one in some]
    (line,) = map(str, advise(some))
    assert line.startswith("a, b: a may run for 10.0167 minutes and is due after 10 minutes;")
    assert kinds(*night) == [("clock-change", ("a", "b"))]


@pytest.mark.parametrize(
    ("cron", "zone", "is_advised"),
    [
        ("17 2 * * *", "Europe/Berlin", True),
        ("17 1 * * 0", "America/New_York", True),
        ("17 3 * * *", "Europe/Berlin", False),
        ("17 * * * *", "Europe/Berlin", False),
        ("17 2 * * *", "UTC", False),
        ("17 2 * * *", "Asia/Tokyo", False),
    ],
)
def test_hours_in_which_clocks_change(cron: str, zone: str, is_advised: bool) -> None:  # noqa: FBT001
    """Only where they do change."""
    assert (("clock-change", ("a",)) in kinds(entry(cron, zone=zone))) == is_advised


@pytest.mark.parametrize(
    ("crons", "timeout", "is_advised"),
    [
        (["7-59/10 * * * *"], 601, True),
        (["7-59/10 * * * *"], 600, False),
        (["7 3 * * *", "9 3 * * *"], 300, True),
        (["57 * * * *", "2 * * * *"], 600, True),
        (["7 3 * * 1"], 86400, False),
        (["7 3 1 * *"], 86400 * 30, False),
    ],
)
def test_a_period_shorter_than_the_timeout(
    crons: list[str],
    timeout: float,
    is_advised: bool,  # noqa: FBT001
) -> None:
    """Of all the entry's expressions together, in seconds."""
    found = kinds(entry(*crons, timeout=timeout))
    assert (("period-below-timeout", ("a",)) in found) == is_advised


def test_sweeps_that_may_meet() -> None:
    """Within each other's timeouts, in whatever zones; light jobs and other days do not count."""
    one = entry("7 2 * * *", key="one", timeout=1800)
    near = entry("36 2 * * 0", key="near", timeout=60)
    tokyo = entry("8 11 * * *", key="tokyo", zone="Asia/Tokyo", timeout=60)
    after = entry("37 2 * * *", key="after", timeout=60)
    light = one._replace(key="light", heavy=False)
    assert ("overlap", ("one", "near")) in kinds(one, near)
    assert ("overlap", ("one", "tokyo")) in kinds(one, tokyo)
    assert kinds(one, after) == kinds(one, light) == []
    monday, sunday = entry("7 2 * * 1", key="m"), entry("7 2 * * 0", key="s")
    assert kinds(monday, sunday) == []


def test_sweeps_that_may_meet_are_said_in_groups() -> None:
    """Each pair would be too many lines; two nights are two groups."""
    night = [entry("7 2 * * *", key=key, timeout=1800) for key in "abc"]
    evening = [entry("7 20 * * *", key=key, timeout=1800) for key in "de"]
    assert kinds(*night, *evening) == [("overlap", ("a", "b", "c")), ("overlap", ("d", "e"))]
    late = entry("31 2 * * *", key="z", timeout=18 * 3600)
    assert kinds(*night, *evening, late) == [("overlap", ("a", "b", "c", "d", "e", "z"))]


def test_many_sweeps_of_every_minute_are_one_group() -> None:
    """Held against what is taken up to here, not each against each, which took half a minute."""
    every = [entry("* * * * *", key=f"s{n}", timeout=30) for n in range(40)]
    apart = entry("0 0 L * *", key="apart")
    assert kinds(*every, apart) == [("overlap", tuple(one.key for one in every))]


def test_what_is_special_to_github() -> None:
    """Said for that target alone: its delays, and the end after 60 days."""
    quiet, hourly = entry("17 3 * * *", key="quiet"), entry("0 9 * * *", key="hourly")
    assert not {"github-60-days", "github-delay"} & {kind for kind, _ in kinds(quiet, hourly)}
    found = kinds(quiet, hourly, target="github")
    assert ("github-60-days", ()) in found
    assert ("github-delay", ("hourly",)) in found
    assert "crowded" not in {kind for kind, _ in found}  # which is half of what that says
    assert ("github-delay", ("a",)) in kinds(entry("7-59/10 * * * *"), target="github")


def test_advice_reads_as_one_sentence() -> None:
    """With whom it is about, where it is about somebody."""
    assert str(Advice("x", ("a", "b"), "it is so", "do this")) == "a, b: it is so; do this."
    assert str(Advice("x", (), "it is so", "do this")) == "It is so; do this."


@settings(deadline=None, max_examples=60)
@given(several())
def test_any_schedule_can_be_advised_on(declared: list[Entry]) -> None:
    """Whatever the expressions; the keys are those of the entries."""
    heavy = [one._replace(heavy=True) for one in declared]
    keys = {one.key for one in declared}
    assert all(set(one.keys) <= keys for one in advise(heavy, "github"))


def test_starts_are_those_of_a_month() -> None:
    """The first and the last of a January, in the zone's own time; the gaps follow from them."""
    berlin = entry("7 0 1,31 1 *", zone="Europe/Berlin")
    assert starts(berlin) == (7 - 60, 30 * 1440 + 7 - 60)
    assert least_gap(berlin) == 30 * 1440
    assert least_gap(entry("7 0 1 * *")) is None
    assert starts(entry("0 0 L * *")) == ()
