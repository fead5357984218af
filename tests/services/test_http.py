"""HTTP: bounded requests to a server that misbehaves, on connections that are kept and pinned."""

import socket
import threading
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from maintcli.errors import Refused, Unreachable, Unsent
from maintcli.services import sockets
from maintcli.services.address import Address, is_public, read
from maintcli.services.http import MOST_BYTES, Answer, Client
from tests.parts.backend import Backend, backend, certificate, cut, drip, flood, reply, say, silence

LONG = 60.0
"""Seconds that no request here takes, however slow the machine is."""
SHORT = 0.5
"""For a server that never answers, so that waiting for it always ends in the same way."""
TOKEN = "t0ken-in-the-path"


@pytest.fixture
def there() -> Generator[Backend]:
    """A server that keeps its connections open until they are closed."""
    with backend(keeps=True) as found:
        yield found


@pytest.fixture
def client() -> Generator[Client]:
    """A client."""
    with Client() as found:
        yield found


def at(there: Backend, path: str = f"/{TOKEN}") -> Address:
    """An address of the server."""
    return read(there.url + path)


def chunked(*pieces: bytes, end: bytes = b"0\r\n\r\n", status: int = 200) -> bytes:
    """An answer in chunks."""
    head = f"HTTP/1.1 {status} Whatever\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in pieces) + end


def test_get_post_and_put_send_what_they_are_given(client: Client, there: Backend) -> None:
    """Method, path with query, headers, body, and the Host of the URL."""
    there.behave = reply(200, "done", x_more="yes")
    address = at(there, "/a%20b?c=d")
    answers = [
        client.get(address, {"X-One": "1"}, seconds=LONG),
        client.post(address, body=b"posted", seconds=LONG),
        client.put(address, {}, b"put", seconds=LONG),
    ]
    assert {(one.status, one.body, one.headers["x-more"]) for one in answers} == {
        (200, b"done", "yes")
    }
    assert [one.line for one in there.requests] == [
        f"{method} /a%20b?c=d HTTP/1.1" for method in ("GET", "POST", "PUT")
    ]
    assert [one.body for one in there.requests] == [b"", b"posted", b"put"]
    assert there.requests[0].headers["x-one"] == "1"
    assert {one.headers["host"] for one in there.requests} == {address.authority}


@pytest.mark.parametrize("status", [200, 302, 400, 404, 429, 500, 503])
def test_the_body_is_read_whatever_the_status(client: Client, there: Backend, status: int) -> None:
    """A service says in the body of an error what is wrong."""
    there.behave = reply(status, '{"error": "why"}')
    answer = client.get(at(there), seconds=LONG)
    assert (answer.status, answer.body, answer.is_whole) == (status, b'{"error": "why"}', True)


@pytest.mark.parametrize("status", [200, 500])
def test_no_more_than_64_kib_of_a_body_are_read(
    client: Client, there: Backend, status: int
) -> None:
    """With its length announced, in chunks, or without end; errors, too."""
    for behave in (
        reply(status, "x" * (MOST_BYTES + 1)),
        say(chunked(b"x" * MOST_BYTES, b"x", status=status)),
        flood,
    ):
        there.behave = behave
        answer = client.get(at(there), seconds=LONG)
        assert (len(answer.body), answer.is_whole) == (MOST_BYTES, False)
    there.behave = reply(status, "x" * MOST_BYTES)
    assert client.get(at(there), seconds=LONG).is_whole


def test_a_chunked_body_is_put_together(client: Client, there: Backend) -> None:
    """And the connection serves the next request."""
    there.behave = say(chunked(b"one ", b"two"))
    assert client.get(at(there), seconds=LONG).body == b"one two"
    assert client.get(at(there), seconds=LONG).body == b"one two"
    assert there.connections == 1


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 {} Whatever\r\nContent-Length: 9\r\n\r\n{{",
        b"HTTP/1.1 {} Whatever\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 {} Whatever\r\nTransfer-Encoding: chunked\r\n\r\nno number\r\n",
    ],
)
def test_a_cut_body_fails_a_success_and_leaves_an_error_its_status(
    client: Client, data: bytes
) -> None:
    """Half a 200 is no answer; of half a 500 the status is what counts."""
    with backend() as there:
        there.behave = say(data.decode().format(200).encode())
        with pytest.raises(Unreachable, match="not HTTP, or was incomplete"):
            client.get(at(there), seconds=LONG)
        there.behave = say(data.decode().format(500).encode())
        answer = client.get(at(there), seconds=LONG)
    assert (answer.status, answer.is_whole) == (500, False)


@pytest.mark.parametrize("status", [100, 102, 103])
def test_interim_answers_are_skipped_on_a_kept_connection(
    client: Client, there: Backend, status: int
) -> None:
    """The answer after them counts, and the next request has its own."""
    interim = f"HTTP/1.1 {status} Wait\r\nLink: </x>\r\n\r\n".encode() * 3
    there.behave = say(interim + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    answers = [client.get(at(there), seconds=LONG) for _ in range(2)]
    assert [(one.status, one.body, "link" in one.headers) for one in answers] == [
        (200, b"ok", False)
    ] * 2
    assert there.connections == 1


def test_one_connection_serves_all_requests_of_a_run(client: Client, there: Backend) -> None:
    """To the same scheme, host and port, errors included."""
    there.behave = reply(500, "no")
    for _ in range(3):
        client.post(at(there), seconds=LONG)
    assert (len(there.requests), there.connections) == (3, 1)


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_connection_that_was_closed_meanwhile_is_made_anew(client: Client, method: str) -> None:
    """The server closes it between two requests without having said so."""
    with backend() as there:  # it closes each after its answer
        for number in range(1, 4):
            assert getattr(client, method)(at(there), seconds=LONG).status == 200
            assert there.closed.acquire(timeout=LONG)
            assert (len(there.requests), there.connections) == (number, number)


def test_a_get_is_sent_again_where_the_kept_connection_ends_under_it(
    client: Client, there: Backend
) -> None:
    """On a new connection, once; a POST is not, since it may have arrived."""
    client.get(at(there), seconds=LONG)
    answers = iter([say(b""), reply(200, "again")])

    def behave(connection: socket.socket) -> None:
        try:
            next(answers)(connection)
        finally:
            if there.connections == 1:
                connection.shutdown(socket.SHUT_RDWR)

    there.behave = behave
    assert client.get(at(there), seconds=LONG).body == b"again"
    assert (len(there.requests), there.connections) == (3, 2)
    there.behave = lambda connection: connection.shutdown(socket.SHUT_RDWR)
    with pytest.raises(Unreachable, match="may have arrived, so it is not sent again"):
        client.post(at(there), seconds=LONG)
    assert (len(there.requests), there.connections) == (4, 2)


@pytest.mark.parametrize(
    "behave",
    [
        silence,
        drip(b"HTTP/1.1 200 OK\r\nX: "),
        drip(b"HTTP/1.1 200 OK\r\n\r\n"),
        drip(b""),
        lambda connection: _repeat(connection, b"HTTP/1.1 103 Wait\r\n\r\n"),
    ],
    ids=["silence", "headers", "body", "status", "interim"],
)
def test_all_of_a_request_is_in_one_time(
    client: Client, there: Backend, behave: Callable[[socket.socket], None]
) -> None:
    """A byte again and again does not make it longer."""
    client.get(at(there), seconds=LONG)  # connects, which takes as long as the machine wants
    there.behave = behave
    with pytest.raises(Unreachable, match=r"it had not all come within \d+ s"):
        client.get(at(there), seconds=SHORT)


def test_a_name_server_that_does_not_answer_takes_no_more_than_the_time(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system would wait for it on its own terms."""
    over = threading.Event()

    def names(_: str) -> list[str]:
        over.wait(LONG)
        return []

    _answer_names(monkeypatch, names)
    try:
        with pytest.raises(Unsent, match="nothing was sent: it took more than"):
            client.get(read("https://slow.example.com/"), seconds=SHORT)
        assert not over.is_set()
    finally:
        over.set()


def test_a_host_is_resolved_once_and_pinned(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its second answer, which may lead elsewhere, is never asked for; the Host stays."""
    with backend() as there:
        port = int(there.url.rpartition(":")[2])
        asked = _answer_names(monkeypatch, lambda _: ["127.0.0.1"])
        address = read(f"http://hooks.example.com:{port}/x")
        for number in (1, 2):
            assert client.post(address, seconds=LONG).status == 200
            assert there.closed.acquire(timeout=LONG)
            assert (asked, there.connections) == (["hooks.example.com"], number)
        assert {one.headers["host"] for one in there.requests} == {f"hooks.example.com:{port}"}


def test_the_next_address_of_a_host_is_tried(
    client: Client, there: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the first one refuses connections."""
    _answer_names(monkeypatch, lambda _: ["127.0.0.2", "127.0.0.1"])
    assert client.get(at(there), seconds=LONG).status == 200


def test_the_name_of_the_url_is_what_tls_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is sent as the server's name, and the certificate must be for it, not for the address."""
    context, file = certificate(tmp_path)
    names: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with backend(tls=context, keeps=True) as there, Client() as client:
        port = int(there.url.rpartition(":")[2])
        _answer_names(monkeypatch, lambda _: ["127.0.0.1"])
        assert client.get(read(f"https://localhost:{port}/"), seconds=LONG).status == 200
        with pytest.raises(Unreachable, match="no certificate to be trusted, so nothing was sent"):
            client.get(read(f"https://other.example.com:{port}/"), seconds=LONG)
        assert names == ["localhost", "other.example.com"]
        assert len(there.requests) == 1


def test_what_is_not_public_is_refused_where_only_the_public_is_allowed(
    there: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However it is spelled, and where one of several addresses is such a one."""
    port = int(there.url.rpartition(":")[2])
    with Client(public_only=True) as client:
        for host in ("localhost", "127.0.0.1", "127.1", "2130706433", "0x7f.1", "[::1]"):
            with pytest.raises(Refused, match="not a public address, so nothing was sent"):
                client.post(read(f"http://{host}:{port}/{TOKEN}"), seconds=LONG)
        _answer_names(monkeypatch, lambda _: ["93.184.215.14", "10.0.0.1"])
        with pytest.raises(Refused, match=r"leads to 10\.0\.0\.1"):
            client.post(read("http://hooks.example.com/"), seconds=LONG)
    assert there.requests == []


@pytest.mark.parametrize("ip", ["93.184.215.14", "8.8.8.8", "2606:4700::1111"])
def test_public_addresses(ip: str) -> None:
    """Those of the internet."""
    assert is_public(ip)


@pytest.mark.parametrize(
    "ip",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
        *("0.0.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%lo", "fc00::1"),
        *("::ffff:8.8.8.8", "2002:808:808::1", "64:ff9b::808:808", "64:ff9b:1::1", "ff02::1"),
        *("fec0::1", "2001::1"),
    ],
)
def test_addresses_that_are_not_public(ip: str) -> None:
    """This machine, private and shared networks, multicast, and IPv6 that stands for IPv4."""
    assert not is_public(ip)


def redirect(to: str) -> Callable[[socket.socket], None]:
    """An answer that leads to another place."""
    return reply(302, "", location=to)


def test_a_redirect_is_the_answer_unless_it_is_asked_for(client: Client, there: Backend) -> None:
    """No request goes where it leads to."""
    there.behave = redirect("/next")
    for answer in (
        client.get(at(there), seconds=LONG),
        client.post(at(there), seconds=LONG),
        client.put(at(there), {}, b"", seconds=LONG),
    ):
        assert (answer.status, answer.headers["location"]) == (302, "/next")
    assert len(there.requests) == 3


def test_redirects_are_followed_as_often_as_asked(client: Client, there: Backend) -> None:
    """The last one is the answer where there are more."""
    there.behave = redirect("next")
    assert client.get(at(there, "/a/b"), seconds=LONG, redirects=2).status == 302
    assert [one.line.split()[1] for one in there.requests] == ["/a/b", "/a/next", "/a/next"]


def test_headers_do_not_go_along_to_another_host(client: Client, there: Backend) -> None:
    """They may hold a secret, which is for the host that was asked."""
    with backend() as other:
        there.behave = redirect(f"{other.url}/there")
        answer = client.get(at(there), {"Authorization": TOKEN}, seconds=LONG, redirects=1)
        assert answer.status == 200
        assert "authorization" in there.requests[0].headers
        assert "authorization" not in other.requests[0].headers


def test_no_redirect_leads_from_https_to_http(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the answer, as where none is followed."""
    context, file = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with backend() as plain, backend(tls=context) as there, Client() as client:
        there.behave = redirect(plain.url)
        assert client.get(at(there), seconds=LONG, redirects=3).status == 302
        assert plain.requests == []


@pytest.mark.parametrize(
    "behave",
    [
        *(cut, say(b""), say(b"SSH-2.0-x\r\n"), say(b"HTTP/1.1 200")),
        say(b"HTTP/1.1 200 OK\r\nX: y\r\n"),
    ],
)
def test_no_error_shows_path_or_query(
    client: Client, behave: Callable[[socket.socket], None]
) -> None:
    """A token may stand in either; the host is enough. A cut head is no answer, 200 or not."""
    with backend() as there:
        there.behave = behave
        with pytest.raises(Unreachable) as caught:
            client.post(at(there, f"/{TOKEN}?key={TOKEN}"), seconds=LONG)
        assert f"{there.url}/… gave no answer" in str(caught.value)
        assert TOKEN not in f"{caught.value!r} {caught.value} {caught.value.__cause__}"
    with pytest.raises(Unsent) as unsent:
        client.post(at(there), seconds=LONG)
    assert TOKEN not in str(unsent.value)


def test_a_server_that_is_not_there_got_nothing(client: Client, there: Backend) -> None:
    """Only then may it be sent again."""
    there.close()
    with pytest.raises(Unsent, match="nothing was sent: connection refused"):
        client.post(at(there), seconds=LONG)


def test_an_answer_is_what_was_said(client: Client, there: Backend) -> None:
    """The whole of it, with names of headers in lowercase."""
    there.behave = say(b"HTTP/1.1 204 No\r\nX-Name: Value\r\n\r\n")
    assert client.get(at(there), seconds=LONG) == Answer(204, {"x-name": "Value"})


def _repeat(connection: socket.socket, data: bytes) -> None:
    while True:
        connection.sendall(data)


def _answer_names(monkeypatch: pytest.MonkeyPatch, ips: Callable[[str], list[str]]) -> list[str]:
    """Let names lead to these addresses; the names that were asked for."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, **_: object) -> list[object]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in ips(host)]

    class Sockets:
        def __getattr__(self, name: str) -> object:
            return getattr(socket, name)

    replaced = Sockets()
    replaced.__dict__["getaddrinfo"] = getaddrinfo
    monkeypatch.setattr(sockets, "socket", replaced)
    return asked
