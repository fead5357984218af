"""Who runs the server: PostgreSQL refuses root, so for root it is the user nobody."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from maintcli.devserver.layout import unusable


@dataclass(frozen=True, slots=True)
class User:
    """A user that root becomes for the server and its data."""

    uid: int
    gid: int


def server_user() -> User | None:
    """The user to become; None when the server runs as ourselves."""
    if os.geteuid() != 0:
        _require_name()
        return None
    try:
        nobody = pwd.getpwnam("nobody")  # initdb needs a user with an entry, not just a number
    except KeyError:
        reason = "PostgreSQL refuses to run as root, and there is no user nobody to run it as"
        raise unusable(reason) from None
    return User(nobody.pw_uid, nobody.pw_gid)


def require_entry(folder: Path, user: User | None) -> None:
    """Raise unless that user can pass through `folder`, or can be let in without opening more."""
    if user is None or can_enter(folder, user):
        return
    blocking = next(part for part in _downwards(folder) if not can_enter(part, user))
    if blocking == folder:
        folder.chmod(folder.stat().st_mode | 0o011)
        return
    reason = f"PostgreSQL refuses to run as root, and the user nobody cannot enter {blocking}"
    raise unusable(f"{reason}; name a folder outside of it")


def can_enter(folder: Path, user: User) -> bool:
    """Whether that user may pass through; the kernel is asked, since modes tell half of it."""
    command = ["test", "-x", str(folder)]
    try:
        done = subprocess.run(  # noqa: S603
            command, check=False, user=user.uid, group=user.gid, extra_groups=[], cwd="/"
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        reason = "PostgreSQL refuses to run as root, and this root may not become the user nobody"
        raise unusable(reason) from None
    return done.returncode == 0


def _downwards(folder: Path) -> list[Path]:
    return [*reversed(folder.parents), folder]


def _require_name() -> None:
    uid = os.geteuid()
    try:
        pwd.getpwuid(uid)
    except KeyError:
        reason = f"user id {uid} has no entry in /etc/passwd, which PostgreSQL's initdb wants"
        raise unusable(reason) from None
