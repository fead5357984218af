"""Debian's cron with a single crontab, hidden from the machine's own."""

import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from tests.parts.children import daemon
from tests.parts.folders import short_folder

# A mount namespace of its own: the machine's crontabs do not fire, no file is left behind, and a
# cron that runs already (it locks /run/crond.pid) is not in the way.
PREPARE = """
set -e
for folder in /etc/cron.d /var/spool/cron/crontabs /run; do mount -t tmpfs none $folder; done
mount --bind "$1/empty" /etc/crontab
chown root:crontab /var/spool/cron/crontabs
chmod 1730 /var/spool/cron/crontabs
install -m "$2" -o "$3" "$1/crontab" "$4"
exec cron -f
"""


@contextmanager
def cron(crontab: str, *, user: str | None = None) -> Generator[None]:
    """Run cron with that crontab: `user`'s own, or a system one (as in /etc/cron.d) without.

    Cron looks once a minute, so wait for what a job does for some minutes.
    """
    _require_cron()
    where = f"/var/spool/cron/crontabs/{user}" if user else "/etc/cron.d/maint"
    with short_folder() as folder:
        (folder / "empty").touch()
        (folder / "crontab").write_text(crontab)
        prepare = ["sh", "-c", PREPARE, "cron", str(folder), "600" if user else "644"]
        command = ["unshare", "--mount", *prepare, user or "root", where]
        with daemon(command, folder / "log") as process:
            yield
            assert process.poll() is None, (folder / "log").read_text()


def _require_cron() -> None:
    if shutil.which("cron", path="/usr/sbin") is None:
        pytest.skip("cron is not installed: apt-get install cron")
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], check=False).returncode:
        pytest.skip("cron wants root, and the right to mount (CAP_SYS_ADMIN)")
