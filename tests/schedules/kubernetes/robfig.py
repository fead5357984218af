"""When github.com/robfig/cron/v3, which Kubernetes uses, is due: its parser.go and spec.go in Python.

Told apart from cron: a field has a star only if a term of it is `*` without a step above 1, and days
match both where one of the two fields has a star, else either.
"""

from datetime import datetime

BOUNDS = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)]


def field(text: str, low: int, high: int) -> tuple[set[int], bool]:
    """Its numbers, and whether it has a star. Raises ValueError."""
    numbers, star = set[int](), False
    for term in text.split(","):
        body, slash, step_text = term.partition("/")
        step = int(step_text) if slash else 1
        if body == "*":
            first, last, has_star = low, high, step == 1
        else:
            start, dash, end = body.partition("-")
            first, last, has_star = int(start), int(end if dash else start), False
            if slash and not dash:
                last = high
        if not (low <= first <= last <= high) or step < 1:
            raise ValueError(term)
        numbers |= set(range(first, last + 1, step))
        star |= has_star
    return numbers, star


def is_due(expression: str, when: datetime) -> bool:
    """At that minute, in the zone that `when` is told in."""
    parts = [field(text, *bounds) for text, bounds in zip(expression.split(), BOUNDS, strict=True)]
    (minutes, _), (hours, _), (days, day_star), (months, _), (weekdays, weekday_star) = parts
    day, weekday = when.day in days, when.isoweekday() % 7 in weekdays
    match = (day and weekday) if day_star or weekday_star else (day or weekday)
    return match and when.minute in minutes and when.hour in hours and when.month in months
