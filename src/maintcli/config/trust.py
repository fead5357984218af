"""Whether a file that lies in the working directory may be believed."""

import os
import stat
import sys
from pathlib import Path

from maintcli.config.say import word
from maintcli.errors import ConfigError


def judge_env_file(
    path: Path, name: str, descriptor: int, status: os.stat_result, *, named: bool
) -> None:
    """Refuse an env file that others can write, or that is another user's and was not named.

    Raises ConfigError. Naming a file with --env-file is consent to its owner, never to writers.
    """
    if _others_can_write(descriptor, status):
        mode = stat.S_IMODE(status.st_mode)
        raise ConfigError(
            f"{name}: other users can write this file (mode {mode:04o}), so it is not read, "
            f"with or without --env-file; check what it says, then run: chmod go-w {word(path)}"
        )
    owners = {status.st_uid, path.lstat().st_uid}
    if not named and owners != {os.geteuid()}:
        raise ConfigError(
            f"{name}: the file in the working directory belongs to {_user(owners)}, not to "
            f"{_user({os.geteuid()})} who runs maint, so it is not read; check what it says, then "
            f"name it: --env-file {word(path.name)}"
        )


def judge_config_file(path: Path, name: str, descriptor: int, status: os.stat_result) -> None:
    """Refuse a maint.toml that nobody named and that others can write, or that somebody planted.

    It, and a link to it, may belong to the user who runs maint, to root, or to the owner of its
    directory, which is the usual case in a container that runs as root; in /tmp that leaves only
    one's own. Raises ConfigError. Naming it with --config is consent.
    """
    if _others_can_write(descriptor, status):
        raise ConfigError(
            f"{name}: other users can write the file in the working directory (mode "
            f"{stat.S_IMODE(status.st_mode):04o}), so it is not read; check what it says, then "
            f"run: chmod go-w {word(path.name)}"
        )
    strangers = {status.st_uid, path.lstat().st_uid} - {os.geteuid(), 0, path.parent.stat().st_uid}
    if strangers:
        raise ConfigError(
            f"{name}: the file in the working directory belongs to {_user(strangers)}, who "
            "owns neither the directory nor this run; check what it says, then name it: --config "
            f"{word(path.name)}"
        )


def doubt_config_file(
    path: Path, name: str, descriptor: int, status: os.stat_result
) -> tuple[str, ...]:
    """What should be said about a maint.toml that was named."""
    if not _others_can_write(descriptor, status):
        return ()
    mode = stat.S_IMODE(status.st_mode)
    risk = f"other users can write this file (mode {mode:04o}), and so decide what maint does"
    return (f"{name}: {risk}; run: chmod go-w {word(path)}",)


def distrusted(*found: os.stat_result) -> str:
    """Why what nobody named may not be written to as this user, or blank.

    `found` is a folder and a link to it, or a file. A group may share it: a volume in Kubernetes
    belongs to root and the group of its pod.
    """
    owners = {status.st_uid for status in found} - {os.geteuid(), 0}
    if owners:
        return f"belongs to {_user(owners)}"
    if any(not stat.S_ISLNK(one.st_mode) and one.st_mode & stat.S_IWOTH for one in found):
        return "can be written to by every user"
    return ""


def _others_can_write(descriptor: int, status: os.stat_result) -> bool:
    if stat.S_ISCHR(status.st_mode):
        return False  # /dev/null and terminals: what one writes there, nobody reads
    if status.st_mode & stat.S_IWOTH:
        return True
    return bool(status.st_mode & stat.S_IWGRP) and not _is_private_group(descriptor, status)


def _is_private_group(descriptor: int, status: os.stat_result) -> bool:
    """Whether the group is the owner's own, as distributions with umask 002 set it up."""
    import grp
    import pwd

    if sys.platform == "linux" and "system.posix_acl_access" in os.listxattr(descriptor):
        return False  # the group bits are then the mask of an ACL that may name anyone
    try:
        owner, group = pwd.getpwuid(status.st_uid), grp.getgrgid(status.st_gid)
    except KeyError:
        return False
    return (
        owner.pw_gid == group.gr_gid
        and owner.pw_name == group.gr_name
        and set(group.gr_mem) <= {owner.pw_name}
    )


def _user(uids: set[int]) -> str:
    import pwd

    uid = min(uids - {os.geteuid()} or uids)
    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user {uid}"
