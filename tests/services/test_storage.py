"""Places for files: a folder and a real S3, behind one protocol."""

import os
import stat
import tracemalloc
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import pytest

from maintcli.errors import (
    BadLocation,
    ConfigError,
    MaintError,
    MissingPrivilege,
    NoSuchFile,
    Refused,
    Unreachable,
)
from maintcli.services.storage import Storage, storage
from tests.parts.azure import azure_server
from tests.parts.s3 import gs_server, s3_server

MOST = 1 << 24


@pytest.fixture(scope="module")
def s3() -> Generator[None]:
    """A server with a bucket called `kept`, found by the usual variables."""
    with s3_server("kept") as variables, mock.patch.dict(os.environ, variables):
        yield


@pytest.fixture(scope="module")
def gs() -> Generator[None]:
    """The same as Google's."""
    with gs_server("kept") as variables, mock.patch.dict(os.environ, variables):
        yield


@pytest.fixture(scope="module")
def az() -> Generator[None]:
    """The same as Microsoft's."""
    with azure_server("kept") as variables, mock.patch.dict(os.environ, variables):
        yield


@pytest.fixture
def single() -> Generator[Storage]:
    """A bucket of a vendor that speaks S3 and has no bulk deletion."""
    with s3_server("single") as variables, mock.patch.dict(os.environ, variables):
        yield storage("s3://single/x", "--archive")


@pytest.fixture(params=["folder", "s3", "gs", "az"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """A place of each kind."""
    if request.param == "folder":
        return storage(str(tmp_path / "place"), "--archive")
    request.getfixturevalue(request.param)
    return storage(f"{request.param}://kept/{tmp_path.name}/", "--archive")


def test_what_was_put_is_there(place: Storage) -> None:
    """Every byte; put again, it is replaced whole."""
    place.prepare()
    assert list(place.list("a")) == []
    assert not place.exists("a/1")
    place.put("a/2", bytes(range(256)) * 1000)
    place.put("a/1", b"old")
    place.put("a/1", b"new")
    assert place.get("a/1", MOST) == b"new"
    assert place.get("a/2", MOST) == bytes(range(256)) * 1000
    assert list(place.list("a")) == ["a/1", "a/2"]
    assert place.exists("a/1")
    again = storage(place.location, "--from")
    assert (again.location, again.get("a/1", MOST)) == (place.location, b"new")


def test_a_folder_is_removed_unless_it_holds_others(place: Storage) -> None:
    """Only the files that are named; again, it is gone already."""
    place.prepare()
    for key in ("a/1", "a/2", "b/1"):
        place.put(key, b"12345")
    assert [*place.folders()] == ["a", "b"]
    assert place.list("a") == {"a/1": 5, "a/2": 5}
    assert not place.remove("a", ["a/1"])
    assert [*place.folders()] == ["a", "b"]
    assert place.remove("a", ["a/1", "a/2"])
    assert place.remove("a", [])
    assert [*place.folders()] == ["b"]
    assert place.get("b/1", MOST) == b"12345"


def sizes(place: Storage, folder: str = "") -> dict[str, int]:
    """What is there, by key."""
    return {one.key: one.size_bytes for one in place.walk(folder)}


def test_walk_lists_every_file_below_a_folder(place: Storage) -> None:
    """At any depth, with size and time, whatever the size of a page."""
    place.prepare()
    keys = ["1", "a/1", "a/b/2", "a/b/c/3", "ab/4"]
    for number, key in enumerate(keys):
        place.put(key, b"x" * number)
    every = {key: number for number, key in enumerate(keys)}
    with mock.patch("maintcli.services.objects._PAGE", 2):
        assert sizes(place) == every
    assert sizes(place, "a") == {"a/1": 1, "a/b/2": 2, "a/b/c/3": 3}
    assert sizes(place, "a/b") == {"a/b/2": 2, "a/b/c/3": 3}
    assert sizes(place, "none") == {}
    ages = [datetime.now(UTC) - one.modified_at for one in place.walk()]
    assert all(abs(age) < timedelta(days=1) for age in ages)


def test_delete_counts_a_missing_file_as_gone(place: Storage) -> None:
    """Wherever it stands in the list; what was not named stays."""
    place.prepare()
    keys = [f"a/{number}" for number in range(25)]
    for key in keys:
        place.put(key, b"x")
    named = ["a/none", *keys[:12], "none/1", *keys[12:24], "a/b/none"]
    assert place.delete(named) == {}
    assert sizes(place) == {"a/24": 1}
    assert place.delete(named) == {}
    assert place.delete([]) == {}


def test_delete_works_without_bulk_requests(single: Storage) -> None:
    """Key by key, and the one that is held is named."""
    for key in ("a/1", "a/held", "a/2"):
        single.put(key, b"x")
    failed = single.delete(["a/1", "a/held", "a/2", "a/none"])
    assert [(key, type(error)) for key, error in failed.items()] == [("a/held", MissingPrivilege)]
    assert sizes(single) == {"a/held": 1}
    with pytest.raises(MissingPrivilege):
        single.remove("a", ["a/held"])


def test_delete_names_what_could_not_be_deleted(tmp_path: Path) -> None:
    """And deletes the others."""
    place = storage(str(tmp_path), "--archive")
    for key in ("a/1", "b/1"):
        place.put(key, b"x")
    failed = place.delete(["a", "b/1"])
    assert [(key, type(error)) for key, error in failed.items()] == [("a", Unreachable)]
    assert sizes(place) == {"a/1": 1}


def test_move_gives_a_file_another_key(place: Storage) -> None:
    """In a folder that is made; what was there is replaced; onto itself it stays."""
    place.prepare()
    place.put("a/1", b"first")
    place.move("a/1", "gone/2026/a/1")
    assert sizes(place) == {"gone/2026/a/1": 5}
    place.put("a/1", b"again!")
    place.move("a/1", "gone/2026/a/1")
    place.move("gone/2026/a/1", "gone/2026/a/1")
    assert place.get("gone/2026/a/1", MOST) == b"again!"
    assert sizes(place) == {"gone/2026/a/1": 6}
    with pytest.raises(NoSuchFile, match="a/1"):
        place.move("a/1", "gone/2026/a/1")
    assert sizes(place) == {"gone/2026/a/1": 6}


@pytest.mark.parametrize("key", ["../secret", "link/secret", "a/../../secret"])
def test_no_key_leads_out_of_a_folder(tmp_path: Path, key: str) -> None:
    """Neither by dots nor by a link: such a file is not listed, deleted or moved."""
    (tmp_path / "secret").write_bytes(b"secret")
    place = storage(str(tmp_path / "place"), "--archive")
    place.put("a/1", b"x")
    (tmp_path / "place" / "link").symlink_to(tmp_path)
    (tmp_path / "place" / "file").symlink_to(tmp_path / "secret")
    assert sizes(place) == {"a/1": 1}
    assert sizes(place, "link") == {}
    assert list(place.delete([key])) == [key]
    for source, target in ((key, "a/2"), ("a/1", key)):
        with pytest.raises(Unreachable):
            place.move(source, target)
    assert (tmp_path / "secret").read_bytes() == b"secret"
    assert sizes(place) == {"a/1": 1}


def test_walk_holds_few_files_at_a_time(tmp_path: Path) -> None:
    """However many there are."""
    (tmp_path / "a").mkdir()
    for number in range(5_000):
        (tmp_path / "a" / f"{number:0100d}").touch()
    tracemalloc.start()
    try:
        count = sum(1 for _ in storage(str(tmp_path), "--archive").walk())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 5_000
    assert peak < 5_000 * 100  # less than their names alone


def test_a_folder_may_be_named_by_a_url(tmp_path: Path) -> None:
    """With or without localhost, and with its characters escaped."""
    place = storage(str(tmp_path / "my files"), "--archive")
    place.put("a/1", b"x")
    for host in ("", "localhost"):
        again = storage(f"file://{host}{tmp_path}/my%20files", "--from")
        assert (again.location, again.get("a/1", MOST)) == (place.location, b"x")


def test_a_large_file_is_written_in_pieces(place: Storage) -> None:
    """What was changed in it before its end is as changed; after an error nothing is there."""
    piece = bytes(range(256)) * 4096
    with place.writing("a/1") as file:
        for _ in range(12):
            file.write(piece)
        file.seek(0)
        file.write(b"changed")
    assert place.get("a/1", MOST) == b"changed" + (12 * piece)[7:]
    with place.reading("a/1", MOST) as file:
        assert file.read(7) == b"changed"
        file.seek(1)
        assert file.read() == b"hanged" + (12 * piece)[7:]
    with pytest.raises(TypeError), place.writing("a/2") as file:
        file.write("no bytes")  # type: ignore[arg-type]
    assert list(place.list("a")) == ["a/1"]


def test_what_is_not_there_is_an_error_that_names_it(place: Storage) -> None:
    """The file and the place."""
    with pytest.raises(NoSuchFile, match=r"a/3.* in .*" + place.location[-5:]):
        place.get("a/3", MOST)
    with pytest.raises(NoSuchFile, match=r"a/3.* in .*" + place.location[-5:]):
        place.reading("a/3", MOST).__enter__()


def test_a_file_larger_than_expected_is_refused(place: Storage) -> None:
    """Before it fills the memory or the temporary folder."""
    place.put("a/1", b"12345")
    assert place.get("a/1", 5) == b"12345"
    for action in (place.get, lambda *given: place.reading(*given).__enter__()):
        with pytest.raises(Refused, match=r"a/1 .* it has more than 4 bytes"):
            action("a/1", 4)


@pytest.mark.parametrize("kind", ["link", "folder link", "outside", "absolute", "pipe", "device"])
def test_only_regular_files_of_the_folder_are_read(tmp_path: Path, kind: str) -> None:
    """A link or path that leads out is refused, and what has no end is not waited for."""
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "place" / "run").mkdir(parents=True)
    place, key = storage(str(tmp_path / "place"), "--from"), "run/file"
    match kind:
        case "link":
            (place.root / key).symlink_to(tmp_path / "secret")
        case "folder link":
            key = "other/secret"
            (place.root / "other").symlink_to(tmp_path)
        case "outside":
            key = "run/../../secret"
        case "absolute":
            key = str(tmp_path / "secret")
        case "pipe":
            os.mkfifo(place.root / key)
        case _:
            place, key = storage("/dev", "--from"), "zero"
    with pytest.raises(Refused, match=r"it is (a link|not a regular file)"):
        place.get(key, MOST)


def test_a_folder_may_be_reached_by_a_link(tmp_path: Path) -> None:
    """The user named it: /srv/archive may point to a larger disk."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "archive").symlink_to("disk")
    place = storage(str(tmp_path / "archive"), "--archive")
    place.prepare()
    place.put("run/file", b"x")
    assert place.get("run/file", MOST) == b"x"
    assert (tmp_path / "disk" / "run" / "file").read_bytes() == b"x"


def test_a_planted_temporary_file_is_never_written_to(tmp_path: Path) -> None:
    """Its name cannot be guessed, and is never one that is there already."""
    place = storage(str(tmp_path), "--archive")
    place.put("file", b"old")
    names = set()
    for _ in range(2):
        with place.writing("file"):
            (name,) = set(_names(tmp_path)) - {"file"}
        names.add(name)
    assert len(names) == 2
    guessed = iter(["taken", "free"])
    (tmp_path / "victim").write_bytes(b"untouched")
    (tmp_path / ".taken.tmp").symlink_to("victim")
    with mock.patch("tempfile._get_candidate_names", return_value=guessed):
        place.put("file", b"new")
    assert place.get("file", MOST) == b"new"
    assert (tmp_path / "victim").read_bytes() == b"untouched"


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("ftp://host/x", "ftp:// is not known"),
        ("s3://", "the bucket is missing"),
        ("s3://key:secret@bucket/x", "credentials"),
        ("gs://bucket/x?key=1", "credentials"),
        ("file://host/srv/archive", "an absolute path of this machine"),
        ("file://archive", "an absolute path of this machine"),
    ],
)
def test_a_location_that_cannot_be_is_one_sentence(location: str, reason: str) -> None:
    """It names the setting, and never repeats what may be a secret."""
    with pytest.raises(BadLocation) as caught:
        storage(location, "--archive")
    assert str(caught.value).startswith("--archive: ")
    assert reason in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_folder_is_for_nobody_else(tmp_path: Path) -> None:
    """0700 and 0600, and no half-written file is left."""
    place = storage(str(tmp_path / "place"), "--archive")
    with mock.patch("os.umask"):
        place.put("run/file", b"x")
    modes = [stat.S_IMODE((tmp_path / "place" / p).stat().st_mode) for p in ("", "run", "run/file")]
    assert modes == [0o700, 0o700, 0o600]
    assert _names(tmp_path / "place" / "run") == ["file"]


def test_a_file_is_flushed_before_it_has_its_name(tmp_path: Path) -> None:
    """The content, then the rename, then the folder's names: in this order."""
    place, seen = storage(str(tmp_path), "--archive"), []
    real_fsync, real_replace = os.fsync, Path.replace

    def fsync(descriptor: int) -> None:
        seen.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        real_fsync(descriptor)

    def replace(self: Path, target: Path) -> Path:
        seen.append("rename")
        return real_replace(self, target)

    with mock.patch("os.fsync", fsync), mock.patch.object(Path, "replace", replace):
        place.put("file", b"x")
    assert seen == ["file", "rename", "folder"]


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """And what was there under the name stays."""
    place = storage(str(tmp_path), "--archive")
    place.put("file", b"old")
    full = mock.patch("os.fsync", side_effect=OSError(28, "No space left on device"))
    with full, pytest.raises(ConfigError, match="is full: No space left on device"):
        place.put("file", b"new")
    assert (place.get("file", MOST), _names(tmp_path)) == (b"old", ["file"])


def test_a_folder_whose_parent_is_missing_is_not_made(tmp_path: Path) -> None:
    """It may be a disk that is not mounted."""
    place = storage(str(tmp_path / "not" / "there"), "--archive")
    for action in (place.check, place.prepare):
        with pytest.raises(BadLocation, match=r"there is no folder .*not; make it"):
            action()
    assert _names(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_said(tmp_path: Path) -> None:
    """As a privilege that is missing."""
    tmp_path.chmod(0o500)
    with pytest.raises(MissingPrivilege):
        storage(str(tmp_path), "--archive").prepare()


@pytest.mark.usefixtures("s3")
def test_a_bucket_that_is_not_there_is_a_configuration_error() -> None:
    """Before anything was written."""
    place = storage("s3://other/x", "--archive")
    with pytest.raises(MaintError, match="there is no such bucket") as caught:
        place.prepare()
    assert caught.value.exit_code == 78


def test_nobody_answering_is_said_within_bounds() -> None:
    """69, with a bounded number of tries."""
    dead = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ALLOW_HTTP": "true"}
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1"}
    with mock.patch.dict(os.environ, {**dead, **keys}):
        place = storage("s3://kept/x", "--archive")
        with pytest.raises(Unreachable, match="s3://kept/x cannot be written") as caught:
            place.put("a", b"")
        with pytest.raises(Unreachable, match="s3://kept/x cannot be deleted"):
            place.delete(["a", "b"])
    assert caught.value.exit_code == 69


def test_a_missing_package_is_one_sentence() -> None:
    """With the command that installs it."""
    with (
        mock.patch.dict("sys.modules", {"obstore": None}),
        pytest.raises(ConfigError, match=r"pip install 'maintcli\[storage\]'") as caught,
    ):
        storage("az://container/x", "--archive")
    assert caught.value.exit_code == 78


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]
