"""Files in a local folder, readable by their owner alone."""

import errno
import os
import stat
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkstemp
from typing import BinaryIO, NoReturn
from uuid import uuid4

from maintcli.errors import BadLocation, MaintError, MissingPrivilege, NoSuchFile, Unreachable
from maintcli.services.stored import Stored, damaged, full, is_full

_FOLDER_MODE = 0o700
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Folder:
    """A Storage. Its own folder is made where only the last part of its path is missing."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def location(self) -> str:
        """The absolute path."""
        return str(self.root)

    @property
    def writers(self) -> str:
        """The owner, and whom the mode lets write."""
        with self._explained("read"):
            status = self.root.stat()
        if status.st_mode & stat.S_IWOTH:
            return f"every user of this machine, since all can write to {self.root}"
        group = " and its group" if status.st_mode & stat.S_IWGRP else ""
        return f"user {_user(status.st_uid)}, who owns {self.root}{group}"

    def put(self, key: str, data: bytes) -> None:
        """Keep `data`: never half a file."""
        with self.writing(key) as file:
            file.write(data)

    @contextmanager
    def writing(self, key: str) -> Generator[BinaryIO]:
        """Write under another name, flush, rename, flush the folder."""
        path = self.root / key
        with self._explained("written"):
            self._make(path.parent)
            # 0600, and a name that is new and that cannot be guessed.
            descriptor, temporary = mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
            try:
                with os.fdopen(descriptor, "w+b") as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                Path(temporary).replace(path)
            except BaseException:
                with suppress(OSError):
                    Path(temporary).unlink()
                raise
            _flush(path.parent)

    def get(self, key: str, most_bytes: int) -> bytes:
        """The file's content."""
        with self.reading(key, most_bytes) as file, self._explained("read"):
            return file.read(most_bytes)

    @contextmanager
    def reading(self, key: str, most_bytes: int) -> Generator[BinaryIO]:
        """The file itself."""
        with self._opened(key) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise damaged(key, "it is not a regular file")
            if status.st_size > most_bytes:
                raise damaged(key, f"it has more than {most_bytes:,} bytes")
            yield file

    def _opened(self, key: str) -> BinaryIO:
        """A file of this folder, where no link leads elsewhere and no pipe keeps us waiting."""
        path = self.root / key
        try:
            with self._explained("read"):
                status, real = path.lstat(), os.path.realpath(self.root).rstrip("/")
                if stat.S_ISLNK(status.st_mode) or os.path.realpath(path) != f"{real}/{key}":
                    raise damaged(key, "it is a link, or not inside its folder")
                flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
                return os.fdopen(os.open(path, flags), "rb")
        except FileNotFoundError:
            raise NoSuchFile(f"There is no file {key} in {self.location}.") from None

    def folders(self) -> Sequence[str]:
        """The names of the folders, not of links to some."""
        self._check_is_there()
        with self._explained("read"), os.scandir(self.root) as found:
            return sorted(one.name for one in found if one.is_dir(follow_symlinks=False))

    def list(self, folder: str) -> Mapping[str, int]:
        """The files directly in `folder`, not links to some; also those half written."""
        try:
            with self._explained("read"), os.scandir(self.root / folder) as found:
                files = [one for one in found if one.is_file(follow_symlinks=False)]
                sizes = {f"{folder}/{one.name}": one.stat().st_size for one in files}
        except FileNotFoundError:
            return {}
        return dict(sorted(sizes.items()))

    def walk(self, folder: str = "") -> Iterator[Stored]:
        """One open folder for each level; half-written files are listed, too."""
        self._check_is_there()
        gone = suppress(FileNotFoundError, NotADirectoryError)
        with (
            self._explained("read"),
            gone,
            self._opened_folder(folder) as opened,
            os.scandir(opened) as found,
        ):
            for one in found:
                key = f"{folder}/{one.name}" if folder else one.name
                if one.is_dir(follow_symlinks=False):
                    yield from self.walk(key)
                elif one.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):
                        status = one.stat(follow_symlinks=False)
                        moment = datetime.fromtimestamp(status.st_mtime, UTC)
                        yield Stored(key, status.st_size, moment)

    def delete(self, keys: Sequence[str]) -> Mapping[str, MaintError]:
        """One by one, each in its opened folder; of a link the link goes."""
        failed: dict[str, MaintError] = {}
        for key in keys:
            folder, _, name = key.rpartition("/")
            try:
                with (
                    self._explained("deleted"),
                    suppress(FileNotFoundError),
                    self._opened_folder(folder) as opened,
                ):
                    os.unlink(name, dir_fd=opened)
            except MaintError as error:
                failed[key] = error
        return failed

    def move(self, source: str, target: str) -> None:
        """Rename it: at each instant it has one of the two names."""
        (old, _, name), (new, _, new_name) = source.rpartition("/"), target.rpartition("/")
        try:
            with self._explained("moved"), self._opened_folder(old) as here:
                _check_regular(name, here)
                self._make(self.root.joinpath(*_parts(new)))
                with self._opened_folder(new) as there:
                    os.rename(name, new_name, src_dir_fd=here, dst_dir_fd=there)
                    os.fsync(there)
                os.fsync(here)
        except FileNotFoundError:
            raise NoSuchFile(f"There is no file {source} in {self.location}.") from None

    def remove(self, folder: str, keys: Sequence[str]) -> bool:
        """Remove files by their names in the opened folder, which no link can stand in for."""
        with self._explained("removed"), suppress(FileNotFoundError):  # gone is gone
            with self._opened_folder(folder) as opened:
                for key in keys:
                    with suppress(FileNotFoundError):
                        os.unlink(key.removeprefix(f"{folder}/"), dir_fd=opened)
                with os.scandir(opened) as left:
                    if any(left):
                        return False
            (self.root / folder).rmdir()
        return True

    def exists(self, key: str) -> bool:
        """Whether there is such a file."""
        with self._explained("read"):
            return (self.root / key).is_file()

    def check(self) -> None:
        """The folder, or the one that it would be made in, is there and may be written to."""
        place = self.root if self.root.exists() else self.root.parent
        if place.exists() and not place.is_dir():
            raise BadLocation(f"{self.location}: {place} is a file; name a folder.")
        if not place.is_dir():
            raise BadLocation(f"{self.location}: there is no folder {place}; make it.")
        if not os.access(place, os.W_OK | os.X_OK):
            raise MissingPrivilege(f"{place} may not be written to by this user.")

    def prepare(self) -> None:
        """Write a file, and take it away."""
        self.check()
        probe = f".maint-probe-{uuid4()}"
        self.put(probe, b"")
        with suppress(OSError):
            (self.root / probe).unlink()

    def _check_is_there(self) -> None:
        if not self.root.is_dir():
            raise BadLocation(f"{self.location}: there is no such folder.")

    @contextmanager
    def _opened_folder(self, folder: str) -> Generator[int]:
        """A descriptor of a folder in here; no link on the way to it is followed."""
        opened = os.open(self.root, _OPEN_FOLDER)
        try:
            for part in _parts(folder):
                below = os.open(part, _OPEN_FOLDER | os.O_NOFOLLOW, dir_fd=opened)
                os.close(opened)
                opened = below
            yield opened
        finally:
            os.close(opened)

    def _make(self, folder: Path) -> None:
        """Make what is missing of `folder`, but of our own root only the last part."""
        for path in (self.root, *reversed(_below(folder, self.root))):
            try:
                path.mkdir(mode=_FOLDER_MODE)
            except FileExistsError:
                continue
            _flush(path.parent)

    @contextmanager
    def _explained(self, deed: str) -> Generator[None]:
        try:
            yield
        except FileNotFoundError:
            if deed in {"read", "moved"}:
                raise
            self._complain(deed, "there is no such folder")
        except PermissionError as error:
            reason = f"{error.filename or self.root} may not be {deed} by this user."
            raise MissingPrivilege(reason) from None
        except OSError as error:
            reason = error.strerror or str(error)
            if is_full(error):
                raise full(self.location, reason) from None
            self._complain(deed, reason)

    def _complain(self, deed: str, reason: str) -> NoReturn:
        raise Unreachable(f"{self.location} cannot be {deed}: {reason}.") from None


def _user(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _check_regular(name: str, folder: int) -> None:
    """Raise FileNotFoundError for a folder, a link, a device: buckets have none of them."""
    if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        raise FileNotFoundError


def _parts(folder: str) -> list[str]:
    """The names of a folder and of those above it. Raises OSError where it leads out."""
    parts = [part for part in folder.split("/") if part]
    if ".." in parts:
        raise NotADirectoryError(errno.ENOTDIR, "a key leads out of the folder", folder)
    return parts


def _below(folder: Path, root: Path) -> list[Path]:
    """`folder` and the folders above it, as far as `root`, which is left out."""
    return [
        path for path in (folder, *folder.parents) if path.is_relative_to(root) and path != root
    ]


def _flush(folder: Path) -> None:
    """Make the names in `folder` outlive a crash."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
