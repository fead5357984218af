"""Azure's Blob Storage of the tests' own: Azurite, where it is installed (npm)."""

import base64
import hmac
import shutil
import subprocess
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from email.utils import formatdate
from http import HTTPStatus
from http.client import HTTPConnection

import pytest

from tests.parts.s3 import free_port
from tests.parts.waiting import until

# The account that every emulator has; Microsoft publishes its key.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

FLAGS = ("--silent", "--skipApiVersionCheck", "--disableTelemetry", "--inMemoryPersistence")


@contextmanager
def azure_server(container: str) -> Generator[dict[str, str]]:
    """The variables that lead to a new server with one container."""
    azurite = shutil.which("azurite-blob")
    if azurite is None:
        pytest.skip("wants azurite-blob, of the npm package azurite")
    port = free_port()
    process = subprocess.Popen(
        [azurite, "--blobPort", str(port), *FLAGS],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    variables = {
        "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
        "AZURE_STORAGE_ACCOUNT_KEY": KEY,
        "AZURE_ENDPOINT": f"http://127.0.0.1:{port}/{ACCOUNT}",
        "AZURE_ALLOW_HTTP": "true",
    }
    try:
        until(
            lambda: process.poll() is not None or _made(port, container),
            "azurite answers",
            seconds=60,
        )
        yield variables
    finally:
        process.terminate()
        process.wait()


def _made(port: int, container: str) -> bool:
    """Whether the container was made; False while nobody answers."""
    path, query = f"/{ACCOUNT}/{container}", "restype=container"
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
    said = [f"{name}:{value}" for name, value in headers.items()]
    text = "\n".join(["PUT", *[""] * 11, *said, f"/{ACCOUNT}{path}", query.replace("=", ":")])
    signature = hmac.digest(base64.b64decode(KEY), text.encode(), "sha256")
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(signature).decode()}"
    headers["Content-Length"] = "0"
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    with closing(connection), suppress(OSError):
        connection.request("PUT", f"{path}?{query}", headers=headers)
        return connection.getresponse().status == HTTPStatus.CREATED
    return False
