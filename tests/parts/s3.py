"""An S3 of the tests' own: moto, as a server; and a Google's, which speaks the same XML."""

import json
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPConnection

import pytest

from tests.parts.waiting import until

# Moto looks for what Amazon's clients send; Google's sends a token, or nothing.
SERVE = """
import sys
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

app = DomainDispatcherApplication(create_backend_app)
signed = "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/s3/aws4_request, Signature=s"

def answer(environ, start):
    if not environ.get("HTTP_AUTHORIZATION", "").startswith("AWS"):
        environ["HTTP_AUTHORIZATION"] = signed
    return app(environ, start)

run_simple("127.0.0.1", int(sys.argv[1]), answer, threaded=True)
"""


@contextmanager
def s3_server(bucket: str) -> Generator[dict[str, str]]:
    """The variables that lead to a new server with one bucket."""
    with _server(bucket) as url:
        yield {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": url,
            "AWS_ALLOW_HTTP": "true",
        }


@contextmanager
def gs_server(bucket: str) -> Generator[dict[str, str]]:
    """The same for gs://…: the requests of Google's XML API are those of S3."""
    account = {"disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
    with _server(bucket) as url:
        yield {
            "GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps({**account, "gcs_base_url": url}),
            "GOOGLE_ALLOW_HTTP": "true",
        }


@contextmanager
def _server(bucket: str) -> Generator[str]:
    """The URL of a new server with one bucket."""
    pytest.importorskip("moto.server", reason="wants the package moto[s3,server]")
    process, port = until(lambda: _started(bucket), "a server gets a port of its own")
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _started(bucket: str) -> tuple[subprocess.Popen[bytes], int] | None:
    """A server with the bucket, and its port; None where somebody else took that port first."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(port)],
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


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
