"""URLs: what is sent where, and what of them may be shown."""

import pytest

from maintcli.services.address import read


@pytest.mark.parametrize(
    ("text", "shown", "target"),
    [
        ("https://h", "https://h/", "/"),
        ("HTTPS://Example.COM:443/a", "https://example.com/…", "/a"),
        ("http://h:8080/a?key=secret#part", "http://h:8080/…", "/a?key=secret"),
        ("http://[::1]:80/", "http://[::1]/", "/"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/…", "/%C3%BC"),
        ("https://h/%20/a%2Fb;c=1", "https://h/…", "/%20/a%2Fb;c=1"),
    ],
)
def test_what_is_sent_and_what_is_shown(text: str, shown: str, target: str) -> None:
    """Path and query are sent, and not shown: a token may stand in either."""
    assert (str(read(text)), read(text).target) == (shown, target)


@pytest.mark.parametrize("host", ["localhost", "a.localhost", "127.0.0.1", "127.8.9.1", "[::1]"])
def test_what_stays_on_the_machine(host: str) -> None:
    """Nobody on the way can read it; elsewhere only https:// is confidential."""
    assert read(f"http://{host}:1/").is_confidential


@pytest.mark.parametrize("host", ["h", "10.0.0.1", "localhost.example.com", "[::]", "1270.0.0.1"])
def test_what_leaves_it(host: str) -> None:
    """Even to the next one."""
    assert not read(f"http://{host}/").is_confidential
    assert read(f"https://{host}/").is_confidential


@pytest.mark.parametrize(
    "text",
    ["", "h", "//h/", "file:///etc/passwd", "https:///a", "https://u:pa55@h/", "https://pa55@h/",
     "https://h/pa55 x", "https://h/pa55\r\nX-Evil: 1", "https://[pa55", "https://h:pa55/",
     "https://h:99999/pa55", "https://.pa55/", "https://h/pa55\x00"],
)  # fmt: skip
def test_bad_ones_are_not_repeated(text: str) -> None:
    """A clause says what is wrong, and nothing of it."""
    with pytest.raises(ValueError, match=r".") as caught:
        read(text)
    assert "pa55" not in str(caught.value)
