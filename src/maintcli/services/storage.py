"""Where files are kept: a folder, or a bucket at one of three vendors."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from maintcli.errors import BadLocation, MaintError
from maintcli.services.stored import Stored

SCHEMES = ("s3", "gs", "az")


class Storage(Protocol):
    """Keeps files under keys such as `folder/file`.

    Every method takes a bounded time, retries included, and raises Unreachable, or MissingPrivilege
    where a permission is missing.
    """

    @property
    def location(self) -> str:
        """What a user would write to mean this place: an absolute path, or a URL."""
        ...

    @property
    def writers(self) -> str:
        """Who can change what is there, in words."""
        ...

    def put(self, key: str, data: bytes) -> None:
        """Keep `data`; once this returns it outlives a crash. What was there is replaced whole."""
        ...

    def writing(self, key: str) -> AbstractContextManager[BinaryIO]:
        """The same for what is too large for memory: a file to write to, read and seek in.

        It is kept when the block ends; an error in the block leaves nothing.
        """
        ...

    def get(self, key: str, most_bytes: int) -> bytes:
        """The file's content.

        Raises NoSuchFile, and Refused for a larger one and for what is not a file of this
        place: a link, a pipe, a device.
        """
        ...

    def reading(self, key: str, most_bytes: int) -> AbstractContextManager[BinaryIO]:
        """The same for what is too large for memory: a file of this machine, to read and seek in.

        It raises before the block begins.
        """
        ...

    def folders(self) -> Sequence[str]:
        """The names of the folders here, sorted. Raises BadLocation if the place does not exist."""
        ...

    def list(self, folder: str) -> Mapping[str, int]:
        """The keys of the files directly in `folder`, sorted, with their sizes in bytes."""
        ...

    def walk(self, folder: str = "") -> Iterator[Stored]:
        """All files in `folder` and in the folders below it, in no order, page by page.

        Links are passed over, and so is what goes away meanwhile. Raises BadLocation where there is
        no place.
        """
        ...

    def delete(self, keys: Sequence[str]) -> Mapping[str, MaintError]:
        """Delete files; return those that could not be deleted, with errors. A missing one is gone.

        A file that was replaced after it was listed is deleted, too: no vendor checks that. Folders
        stay, also empty ones. Raises Unreachable where the place does not answer.
        """
        ...

    def move(self, source: str, target: str) -> None:
        """Give a file another key in this place; what was there is replaced.

        In a bucket that is a copy and a deletion: after a kill both may be there, and it can be
        done again. The copy's time is that of the move, and S3 copies at most 5 GB. Raises
        NoSuchFile.
        """
        ...

    def remove(self, folder: str, keys: Sequence[str]) -> bool:
        """Remove these files of `folder` in this order, then the folder, unless it holds others.

        Says whether all is gone.
        """
        ...

    def exists(self, key: str) -> bool:
        """Whether there is such a file."""
        ...

    def check(self) -> None:
        """Raise where the place cannot be reached, or visibly not be written to."""
        ...

    def prepare(self) -> None:
        """Make sure that files can be put: write one, and take it away again."""
        ...


def storage(location: str, origin: str) -> Storage:
    """The place called `location`; `origin` names the setting. Raises BadLocation, ConfigError."""
    scheme, separator, rest = location.partition("://")
    if scheme == "file" or not separator:
        from maintcli.services.folder import Folder

        return Folder(_path(rest, origin) if separator else _expanded(location, origin))
    if scheme not in SCHEMES:
        reason = f"{scheme}:// is not known; give a folder, or file://…, s3://…, gs://… or az://…"
        raise BadLocation(f"{origin}: {reason}.")
    parts = urlsplit(location)
    if parts.username or parts.password or parts.query or parts.fragment:
        reason = "leave out credentials and options; they are read from the environment"
        raise BadLocation(f"{origin}: {reason}.")
    if not parts.netloc:
        reason = f"the bucket is missing; write e.g. {scheme}://bucket/maint"
        raise BadLocation(f"{origin}: {reason}.")
    from maintcli.services.objects import Objects

    return Objects(location.rstrip("/"))


def _expanded(path: str, origin: str) -> Path:
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError:
        raise BadLocation(
            f"{origin}: that home folder does not exist; write the full path."
        ) from None


def _path(rest: str, origin: str) -> Path:
    """The path of a URL file://HOST/PATH, in which HOST is blank or localhost."""
    host, slash, path = rest.partition("/")
    path = unquote(path)
    if host not in {"", "localhost"} or not slash or "\0" in path:
        reason = "write file:// and an absolute path of this machine, e.g. file:///srv/archive"
        raise BadLocation(f"{origin}: {reason}.")
    return Path(f"/{path}")
