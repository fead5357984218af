"""Files in a bucket of Amazon, Google or Microsoft, or of a service compatible with one."""

import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from tempfile import TemporaryFile, gettempdir
from typing import TYPE_CHECKING, Any, BinaryIO
from uuid import uuid4

from maintcli.errors import (
    BadLocation,
    ConfigError,
    MaintError,
    MissingPrivilege,
    NoSuchFile,
    Unreachable,
)
from maintcli.services.stored import Stored, damaged, full, is_full

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

# A batch waits for its file inside an open transaction, which ends when it idles for 45 seconds.
_RETRY: "RetryConfig" = {
    "max_retries": 4,
    "retry_timeout": timedelta(seconds=15),
    "backoff": {
        "init_backoff": timedelta(milliseconds=100),
        "max_backoff": timedelta(seconds=2),
        "base": 2,
    },
}
_CLIENT: "ClientConfig" = {"connect_timeout": "5s", "timeout": "12s"}
_CONCURRENCY = 2  # pieces of 5 MiB of a large file that are on their way
_PAGE = 1000  # listed files at a time
_DELETED_AT_ONCE = 10  # by as many requests, where there is no bulk request
_MOST_WORDS = 300  # of a vendor's error, which may bring a whole document


class Objects:
    """A Storage. Credentials, region and endpoint come from each vendor's usual variables."""

    def __init__(self, url: str) -> None:
        self.location = url
        try:
            import obstore
        except ImportError:
            raise ConfigError(
                f"{url} needs a package that is not installed. Run: pip install 'maintcli[storage]'"
            ) from None
        self._obstore: Any = obstore
        with self._explained("opened"):
            self._store = self._open()

    @property
    def writers(self) -> str:
        """Whom the bucket's own rules let write."""
        return f"everyone who may write to {self.location}"

    def _open(self, **config: Any) -> "ObjectStore":
        from obstore.store import from_url

        options: ClientConfig = {**_CLIENT, "allow_http": _allows_http()}
        return from_url(self.location, client_options=options, retry_config=_RETRY, **config)

    @cached_property
    def _without_bulk(self) -> "ObjectStore":
        """The same place, without bulk requests: the deletion of one file is a plain DELETE.

        Before obstore 0.12 it always is, and there is no such setting.
        """
        if not self.location.startswith("s3://"):
            return self._store
        try:
            return self._open(disable_bulk_delete=True)
        except self._obstore.exceptions.BaseError:
            return self._store

    def put(self, key: str, data: bytes) -> None:
        """A PUT that was answered is durable by every vendor's word."""
        with self._explained("written"):
            self._obstore.put(self._store, key, data)

    @contextmanager
    def writing(self, key: str) -> Generator[BinaryIO]:
        """A file of this machine, which goes to the bucket when it is whole."""
        try:
            with TemporaryFile() as file:
                yield file
                file.seek(0)
                with self._explained("written"):
                    self._obstore.put(self._store, key, file, max_concurrency=_CONCURRENCY)
        except OSError as error:
            reason = f"a temporary file of this machine: {error.strerror or error}"
            if is_full(error):
                place = f"{gettempdir()}, through which files go to {self.location},"
                raise full(place, error.strerror or str(error)) from None
            raise Unreachable(f"{self.location} cannot be written: {reason}.") from None

    def get(self, key: str, most_bytes: int) -> bytes:
        """The file's content."""
        with self.reading(key, most_bytes) as file:
            return file.read()

    @contextmanager
    def reading(self, key: str, most_bytes: int) -> Generator[BinaryIO]:
        """A copy of it, as long as it is read."""
        with TemporaryFile() as file:
            try:
                with self._explained("read"):
                    for piece in self._obstore.get(self._store, key).stream():
                        file.write(piece)
                        if file.tell() > most_bytes:
                            reason = f"it has more than {most_bytes:,} bytes"
                            raise damaged(key, reason)
            except FileNotFoundError:
                raise NoSuchFile(f"There is no file {key} in {self.location}.") from None
            except OSError as error:
                reason = f"a temporary file of this machine: {error.strerror or error}"
                raise Unreachable(f"{self.location} cannot be read: {reason}.") from None
            file.seek(0)
            yield file

    def folders(self) -> Sequence[str]:
        """What stands before the first slash of keys."""
        try:
            with self._explained("read"):
                found = self._obstore.list_with_delimiter(self._store)["common_prefixes"]
        except FileNotFoundError:
            raise BadLocation(f"{self.location}: there is no such bucket.") from None
        return sorted(str(one) for one in found)

    def list(self, folder: str) -> Mapping[str, int]:
        """The keys directly in `folder`."""
        with self._explained("read"):
            found = self._obstore.list_with_delimiter(self._store, folder)["objects"]
        return dict(sorted((str(one["path"]), int(one["size"])) for one in found))

    def walk(self, folder: str = "") -> Iterator[Stored]:
        """Every key below."""
        try:
            with self._explained("read"):
                for page in self._obstore.list(self._store, folder or None, chunk_size=_PAGE):
                    for one in page:
                        yield Stored(str(one["path"]), int(one["size"]), one["last_modified"])
        except FileNotFoundError:
            raise BadLocation(f"{self.location}: there is no such bucket.") from None

    def delete(self, keys: Sequence[str]) -> Mapping[str, MaintError]:
        """In bulk; where that fails, key by key.

        Some places have no bulk request, and some end it half done at the first missing key.
        """
        try:
            with self._explained("deleted"):
                self._obstore.delete(self._store, list(keys))
        except (FileNotFoundError, MissingPrivilege, Unreachable):
            return self._delete_each(keys)
        return {}

    def _delete_each(self, keys: Sequence[str]) -> Mapping[str, MaintError]:
        failed: dict[str, MaintError] = {}
        with ThreadPoolExecutor(_DELETED_AT_ONCE) as pool:
            for begin in range(0, len(keys), _DELETED_AT_ONCE):
                some = keys[begin : begin + _DELETED_AT_ONCE]
                errors = list(pool.map(self._delete_one, some))
                if all(isinstance(error, Unreachable) for error in errors):  # it does not answer
                    raise next(error for error in errors if error)
                failed |= {key: error for key, error in zip(some, errors, strict=True) if error}
        return failed

    def _delete_one(self, key: str) -> MaintError | None:
        try:
            with self._explained("deleted"):
                self._obstore.delete(self._without_bulk, key)
        except FileNotFoundError:
            return None
        except (MissingPrivilege, Unreachable) as error:
            return error
        return None

    def move(self, source: str, target: str) -> None:
        """A copy, and a deletion."""
        if source == target:  # the deletion would take the copy
            return
        try:
            with self._explained("moved"):
                self._obstore.rename(self._store, source, target)
        except FileNotFoundError:
            raise NoSuchFile(f"There is no file {source} in {self.location}.") from None

    def remove(self, folder: str, keys: Sequence[str]) -> bool:
        """All but the last at once; a folder is gone with its last key."""
        for some in filter(None, (keys[:-1], keys[-1:])):
            for error in self.delete(some).values():
                raise error
        return next(self.walk(folder), None) is None

    def exists(self, key: str) -> bool:
        """Whether there is such a file."""
        try:
            with self._explained("read"):
                self._obstore.head(self._store, key)
        except FileNotFoundError:
            return False
        return True

    def check(self) -> None:
        """The bucket answers."""
        try:
            self.exists(f".maint-probe-{uuid4()}")
        except FileNotFoundError:  # not of the file: of the bucket
            raise BadLocation(f"{self.location}: there is no such bucket.") from None

    def prepare(self) -> None:
        """Write a file, and take it away; a bucket that forbids deleting keeps it."""
        key = f".maint-probe-{uuid4()}"
        self.put(key, b"")
        try:
            with self._explained("written"):
                self._obstore.delete(self._store, key)
        except (MissingPrivilege, Unreachable):
            return

    @contextmanager
    def _explained(self, deed: str) -> Generator[None]:
        wrong = self._obstore.exceptions
        try:
            yield
        except FileNotFoundError:
            if deed not in {"opened", "written"}:
                raise
            raise BadLocation(f"{self.location}: there is no such bucket.") from None
        except (wrong.PermissionDeniedError, wrong.UnauthenticatedError) as error:
            raise MissingPrivilege(f"{self.location}: {_words(error)}.") from None
        except wrong.BaseError as error:
            raise Unreachable(f"{self.location} cannot be {deed}: {_words(error)}.") from None


def _allows_http() -> bool:
    """What the vendor's package reads by itself, unless it is given time-outs."""
    wishes = (os.environ.get(f"{vendor}_ALLOW_HTTP", "") for vendor in ("AWS", "GOOGLE", "AZURE"))
    return any(wish.lower() in {"1", "true"} for wish in wishes)


def _words(error: Exception) -> str:
    """The first line of what a vendor says."""
    text = " ".join(str(error).partition("Debug source")[0].split()).rstrip(".")
    return text if len(text) <= _MOST_WORDS else text[:_MOST_WORDS] + "…"
