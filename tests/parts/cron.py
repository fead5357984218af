"""Debian's cron with a single crontab, hidden from the machine's own."""

import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.parts.children import daemon
from tests.parts.folders import short_folder
from tests.parts.waiting import until

# A mount namespace of its own: the machine's crontabs do not fire, no file is left behind, and a
# cron that runs already (it locks /run/crond.pid) is not in the way. What is old there may be changed
# at once: cron tells times of files apart by the second.
PREPARE = """
set -e
for folder in /etc/cron.d /var/spool/cron/crontabs /run; do mount -t tmpfs none $folder; done
mount --bind "$1/empty" /etc/crontab
chown root:crontab /var/spool/cron/crontabs
chmod 1730 /var/spool/cron/crontabs
install -m "$2" -o "$3" "$1/crontab" "$4"
touch -d '1 hour ago' "$4" "$(dirname "$4")"
touch /run/apart
exec cron -f
"""


@contextmanager
def cron(crontab: str, *, user: str | None = None) -> Generator[int]:
    """Run cron with that crontab: `user`'s own, or a system one (as in /etc/cron.d) without.

    Cron looks once a minute, so wait for what a job does for some minutes. The number is that of
    its process; for commands that see its crontabs there is `beside`.
    """
    _require_cron()
    where = f"/var/spool/cron/crontabs/{user}" if user else "/etc/cron.d/maint"
    with short_folder() as folder:
        (folder / "empty").touch()
        (folder / "crontab").write_text(crontab)
        prepare = ["sh", "-c", PREPARE, "cron", str(folder), "600" if user else "644"]
        command = ["unshare", "--mount", *prepare, user or "root", where]
        with daemon(command, folder / "log") as process:
            until(lambda: _name(process.pid) != "unshare", "it is apart", seconds=60)
            until(lambda: _name(process.pid) != "sh", "cron has started", seconds=60)
            yield process.pid
            assert process.poll() is None, (folder / "log").read_text()


def beside(cron: int) -> list[str]:
    """What runs a command among the crontabs of that cron, and nowhere else."""
    only_there = 'test -e /run/apart && exec "$@"'
    return ["nsenter", f"--mount=/proc/{cron}/ns/mnt", "--", "sh", "-c", only_there, "sh"]


def _name(process: int) -> str:
    """What a process runs; blank where it has ended."""
    try:
        return Path(f"/proc/{process}/comm").read_text().strip()
    except OSError:
        return ""


def _require_cron() -> None:
    if shutil.which("cron", path="/usr/sbin") is None:
        pytest.skip("cron is not installed: apt-get install cron")
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], check=False).returncode:
        pytest.skip("cron wants root, and the right to mount (CAP_SYS_ADMIN)")
