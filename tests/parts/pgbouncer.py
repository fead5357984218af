"""PgBouncer in transaction mode: every transaction may meet another backend."""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.parts.children import daemon
from tests.parts.folders import hand_to_server, short_folder
from tests.parts.server import Server
from tests.parts.waiting import until

PORT = "6432"
SETTINGS = """
[databases]
* = host={server.host} port={server.port}
[pgbouncer]
listen_addr =
listen_port = {port}
unix_socket_dir = {folder}
auth_type = trust
auth_file = {folder}/users.txt
admin_users = postgres
pool_mode = {mode}
default_pool_size = {size}
max_client_conn = 200
"""


@contextmanager
def pgbouncer(
    server: Server,
    *,
    mode: str = "transaction",
    size: int = 4,
    users: tuple[str, ...] = ("postgres",),
) -> Generator[Server]:
    """A pooler in front of `server`, with `size` backends for each database and user."""
    program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/opt/homebrew/bin")
    if program is None:
        pytest.skip("pgbouncer is not installed: apt-get install pgbouncer")
    with short_folder() as folder:
        settings = folder / "pgbouncer.ini"
        settings.write_text(
            SETTINGS.format(server=server, folder=folder, port=PORT, mode=mode, size=size)
        )
        (folder / "users.txt").write_text("".join(f'"{user}" ""\n' for user in users))
        pooler = Server(host=str(folder), port=PORT)
        with daemon([program, "-q", settings], folder / "log", hand_to_server(folder)) as process:
            until(lambda: process.poll() is not None or _answers(pooler), "pgbouncer is ready")
            assert process.poll() is None, _said(folder / "log")
            yield pooler


def _answers(pooler: Server) -> bool:
    try:
        pooler.connect().close()
    except psycopg.OperationalError:
        return False
    return True


def _said(log: Path) -> str:
    return log.read_text(errors="replace")
