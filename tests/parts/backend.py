"""An HTTP server of the test's own, which can misbehave in every way that backends know."""

import select
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

Behaviour = Callable[[socket.socket], None]
"""What it does once a request has come."""


@dataclass(frozen=True)
class Request:
    """What has come: the first line, the headers by their lowercase names, and the body."""

    line: str
    headers: Mapping[str, str]
    body: bytes = b""


def reply(status: int = 200, body: str = "", **headers: str) -> Behaviour:
    """A whole answer. `retry_after` is the header Retry-After."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body.encode())}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    text = "\r\n".join([*lines, "", body])
    return lambda connection: connection.sendall(text.encode())


def say(data: bytes) -> Behaviour:
    """These bytes, and the end of the connection unless the server keeps it."""
    return lambda connection: connection.sendall(data)


def silence(connection: socket.socket) -> None:
    """Nothing, until the client has had enough."""
    _ = connection.recv(1)


def cut(connection: socket.socket) -> None:
    """No answer, but a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def drip(start: bytes) -> Behaviour:
    """`start`, and then a byte again and again, so that each read is answered in time."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(start)
        while not select.select([connection], [], [], 0.05)[0]:
            connection.sendall(b"x")

    return behave


def flood(connection: socket.socket) -> None:
    """A body without end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n{")
    while True:
        connection.sendall(b" " * 65536)


@dataclass
class Backend:
    """Listens on a port of its own from `listen` on; `behave` is what it does with each request.

    After that it closes the connection, without saying so before, unless it `keeps` them.
    `closed` counts those that it has closed.
    """

    behave: Behaviour = field(default_factory=reply)
    requests: list[Request] = field(default_factory=list)
    tls: ssl.SSLContext | None = None
    keeps: bool = False
    connections: int = 0
    closed: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def __post_init__(self) -> None:
        backend = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                backend.connections += 1
                with suppress(OSError):
                    backend._serve(self.request)
                self.request.close()
                backend.closed.release()

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False

        self._server: Server = Server(("127.0.0.1", 0), Handler, bind_and_activate=False)
        self._server.server_bind()  # nobody else can have the port from now on

    @property
    def url(self) -> str:
        """Its root, without a slash at the end."""
        return f"{'https' if self.tls else 'http'}://localhost:{self._server.server_address[1]}"

    def listen(self) -> None:
        """Take connections; until then they are refused."""
        self._server.server_activate()
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self._listening = True

    def close(self) -> None:
        """Listen no longer."""
        if getattr(self, "_listening", False):
            self._server.shutdown()
        self._server.server_close()

    def _serve(self, connection: socket.socket) -> None:
        if self.tls:
            connection = self.tls.wrap_socket(connection, server_side=True)
        with connection, connection.makefile("rb") as file:
            while line := file.readline().decode().strip():
                headers = dict[str, str]()
                while text := file.readline().decode().strip():
                    name, _, value = text.partition(":")
                    headers[name.lower()] = value.strip()
                body = file.read(int(headers.get("content-length", "0")))
                self.requests.append(Request(line, headers, body))
                self.behave(connection)
                if not self.keeps:
                    break


@contextmanager
def backend(tls: ssl.SSLContext | None = None, *, keeps: bool = False) -> Generator[Backend]:
    """One that listens."""
    found = Backend(tls=tls, keeps=keeps)
    found.listen()
    try:
        yield found
    finally:
        found.close()


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """What a server for localhost needs, and the file that makes clients trust it."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    key_file, file = folder / "key.pem", folder / "certificate.pem"
    key_file.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file, key_file)
    return context, file
