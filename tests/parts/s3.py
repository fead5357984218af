"""An S3 of the tests' own: moto, as a server."""

import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPConnection

import pytest

from tests.parts.waiting import until


@contextmanager
def s3_server(bucket: str) -> Generator[dict[str, str]]:
    """The variables that lead to a new server with one bucket."""
    pytest.importorskip("moto.server", reason="wants the package moto[s3,server]")
    process, port = until(lambda: _started(bucket), "a server gets a port of its own")
    try:
        yield {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ALLOW_HTTP": "true",
        }
    finally:
        process.terminate()
        process.wait()


def _started(bucket: str) -> tuple[subprocess.Popen[bytes], int] | None:
    """A server with the bucket, and its port; None where somebody else took that port first."""
    port = _free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: process.poll() is not None or _made(port, bucket), "moto answers")
    return (process, port) if process.poll() is None else None


def _made(port: int, bucket: str) -> bool:
    """Whether the bucket was made; False while nobody answers."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    with closing(connection), suppress(OSError):
        connection.request("PUT", f"/{bucket}")
        return connection.getresponse().status == HTTPStatus.OK
    return False


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
