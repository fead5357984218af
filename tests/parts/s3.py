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

# Moto looks for what Amazon's clients send; Google's sends a token, or nothing. Google answers 404
# to the deletion of what is not there. The bucket `single` has no bulk deletion, as at some vendors
# that speak S3; an object called `held` cannot be deleted, as under a retention policy.
SERVE = """
import sys
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

app = DomainDispatcherApplication(create_backend_app)
signed = "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/s3/aws4_request, Signature=s"

def refuse(start, status):
    start(status, [("Content-Length", "0")])
    return [b""]

def is_missing(environ):
    seen = []
    body = app({**environ, "REQUEST_METHOD": "HEAD"}, lambda status, *_: seen.append(status))
    list(body)
    return seen[0].startswith("404")

def answer(environ, start):
    is_google = not environ.get("HTTP_AUTHORIZATION", "").startswith("AWS")
    if is_google:
        environ["HTTP_AUTHORIZATION"] = signed
        if "HTTP_X_GOOG_COPY_SOURCE" in environ:
            environ["HTTP_X_AMZ_COPY_SOURCE"] = environ["HTTP_X_GOOG_COPY_SOURCE"]
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    if is_google and method == "DELETE" and is_missing(environ):
        return refuse(start, "404 Not Found")
    if method == "POST" and path.strip("/") == "single" and "delete" in environ["QUERY_STRING"]:
        return refuse(start, "405 Method Not Allowed")
    if method == "DELETE" and path.endswith("/held"):
        return refuse(start, "403 Forbidden")
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
