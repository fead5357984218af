"""Times in words"""

import pytest

from maintcli.schedules.words import describe, words


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("*/5 * * * *", "every 5 minutes"),
        ("3-59/5 * * * *", "every 5 minutes from :03"),
        ("* * * * *", "every minute"),
        ("0 * * * *", "every hour"),
        ("23 * * * *", "every hour at :23"),
        ("*/10 9-17 * * *", "every 10 minutes from 09:00 to 17:59"),
        ("0 2 * * *", "daily at 02:00"),
        ("0 2 * * 0", "at 02:00 on Sun"),
        ("0 9 * * 1-5", "at 09:00 on Mon to Fri"),
        ("0 */2 * * *", "every 2 hours"),
        ("7 1-23/2 * * *", "every 2 hours from 01:07"),
        ("0 0 1 1 *", "at 00:00 on day 1 in Jan"),
        ("0 2 1,15 * 5", "at 02:00 on day 1,15 or on Fri"),
        ("0 2 1-7 * */7", "at 02:00 on day 1-7 that is also on Sun"),
        ("0 3 1-31 5 1", "at 03:00 in May"),
        ("0 0 L * *", "0 0 L * *"),
        ("0 0-23/5 * * *", "0 0-23/5 * * *"),
        ("0 0 * * 6,0", "at 00:00 on Sat and Sun"),
    ],
)
def test_an_expression_in_words(expression: str, text: str) -> None:
    """As it stands where words would be longer."""
    assert describe(expression) == text


def test_several_with_their_zone() -> None:
    """UTC goes without saying."""
    assert words(("0 2 * * *", "0 14 * * *"), "Asia/Tokyo") == (
        "daily at 02:00; daily at 14:00, Asia/Tokyo"
    )
    assert words((), "Asia/Tokyo") == ""
