"""`DATABASE_URL=embedded:PATH`: there when wanted, gone when nobody is left."""

import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from maintcli import devserver
from maintcli.devserver.programs import User
from maintcli.errors import ConfigError
from tests.parts.folders import short_folder
from tests.parts.server import Server
from tests.parts.users import embedded_user, processes_of, refusal
from tests.parts.waiting import until


@pytest.fixture
def folder() -> Generator[Path]:
    """A place for embedded servers that every user may enter."""
    with short_folder() as found:
        yield found
        until(lambda: not processes_of(found), "all servers are gone")


@pytest.fixture
def home(folder: Path) -> Path:
    """A path with spaces that does not exist yet."""
    return folder / "a home with spaces"


def ask(server: Server, query: str) -> str:
    """The one value of a query, as text."""
    with server.connect() as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row
    return str(row[0])


def nothing_left(home: Path, server: Server) -> bool:
    """Whether no process and no socket of that server remains."""
    return not server_processes(home) and not Path(server.host).exists()


def server_processes(home: Path) -> list[int]:
    """Its guard and its postmaster; the users in these tests name the folder too."""
    user = devserver.__name__.encode() + b" import acquire"
    return [pid for pid in processes_of(home) if user not in command_line(pid)]


def command_line(pid: int) -> bytes:
    """How a process was called; empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def guard_of(home: Path) -> int:
    """The process that keeps the server."""
    (found,) = [pid for pid in processes_of(home) if b"devserver.guard" in command_line(pid)]
    return found


def postmaster_of(home: Path) -> int:
    """The server's first process."""
    return int((home / "data" / "postmaster.pid").read_text().split()[0])


def test_a_server_starts_in_a_new_folder_and_leaves_nothing(home: Path) -> None:
    """The first use makes the data, and the end of the only user ends the server."""
    with embedded_user(f"embedded:{home}") as user:
        server = user.server()
        assert ask(server, "SELECT 1") == "1"
        assert ask(server, "SHOW listen_addresses") == ""
        assert ask(server, "SHOW server_encoding") == "UTF8"
        assert Path(server.host).stat().st_mode & 0o777 == 0o700
        user.leave()
    until(lambda: nothing_left(home, server), "the server is gone")


def test_the_data_stays_for_the_next_command(home: Path) -> None:
    """What one command wrote, the next one reads."""
    with embedded_user(home) as first:
        with first.server().connect() as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        first.leave()
    with embedded_user(home) as second:  # at once: it waits for the first server to stop
        assert ask(second.server(), "SELECT answer FROM kept") == "42"


def test_first_starts_at_the_same_time_share_one_server(home: Path) -> None:
    """Nobody meets half made data, and nobody gets a second server."""
    with (
        embedded_user(home) as one,
        embedded_user(home) as two,
        embedded_user(home) as three,
    ):
        servers = {one.server(), two.server(), three.server()}
        assert len(servers) == 1
        assert ask(servers.pop(), "SELECT 1") == "1"


def test_the_server_stays_while_one_user_is_left(home: Path) -> None:
    """It does not matter who started it."""
    with embedded_user(home) as first, embedded_user(home) as second:
        before = ask(first.server(), "SELECT pg_postmaster_start_time()")
        server = second.server()
        first.leave()
        with embedded_user(home) as third:
            assert third.server() == server
        assert ask(server, "SELECT pg_postmaster_start_time()") == before


def test_sigkill_of_the_user_leaves_no_server(home: Path) -> None:
    """The kernel tells the guard, not the user's last breath."""
    with embedded_user(home) as user:
        server = user.server()
        user.process.kill()
        until(lambda: nothing_left(home, server), "the server is gone")


def test_sigkill_during_the_first_start_leaves_nothing_half_made(home: Path) -> None:
    """Whoever comes next finds good data or none."""
    with embedded_user(home) as user:
        # Where the end of initdb is seen first, the kill comes just after it.
        begun = (home / "data.new", home / "data")
        until(lambda: any(path.exists() for path in begun), "initdb has begun")
        os.kill(guard_of(home), signal.SIGKILL)
        user.process.kill()
    until(lambda: not server_processes(home), "initdb is gone")
    with embedded_user(home) as user:
        assert ask(user.server(), "SELECT 1") == "1"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of such a death")
def test_sigkill_of_the_guard_leaves_no_server(home: Path) -> None:
    """The server ends with it, and a newcomer gets a new one; its user is still there."""
    with embedded_user(home) as user:
        old = user.server()
        os.kill(guard_of(home), signal.SIGKILL)
        until(lambda: not server_processes(home), "the server is gone")
        with embedded_user(home) as other:
            assert ask(other.server(), "SELECT 1") == "1"
        assert not Path(old.host).exists()


def test_a_crashed_server_is_started_again(home: Path) -> None:
    """A postmaster that was killed is not taken for a living one, though its file says so."""
    with embedded_user(home) as user:
        old = user.server()
        os.kill(postmaster_of(home), signal.SIGKILL)
        with embedded_user(home) as other:
            assert ask(other.server(), "SELECT 1") == "1"
        assert not Path(old.host).exists()


def test_a_process_file_that_names_a_stranger_is_no_obstacle(home: Path) -> None:
    """After a power cut or in a restarted container, the number may be anybody's."""
    with embedded_user(home) as user:
        server = user.server()
        kept = (home / "data" / "postmaster.pid").read_text()
        user.leave()
    until(lambda: nothing_left(home, server), "the server is gone")
    with subprocess.Popen(["sleep", "60"]) as stranger:
        stale = kept.replace(kept.split("\n")[0], str(stranger.pid), 1)
        (home / "data" / "postmaster.pid").write_text(stale)
        with embedded_user(home) as user:
            assert ask(user.server(), "SELECT 1") == "1"
        assert stranger.poll() is None
        stranger.kill()


def test_a_server_that_cannot_start_says_why(home: Path) -> None:
    """PostgreSQL's own last words reach the user, with the code for what cannot be reached."""
    with embedded_user(home) as user:
        server = user.server()
        user.leave()
    until(lambda: nothing_left(home, server), "the server is gone")
    (home / "data" / "postgresql.auto.conf").write_text("max_connections = none\n")
    sentence, code = refusal(home)
    assert code == 69
    assert "did not start: configuration file" in sentence
    until(lambda: not server_processes(home), "the guard is gone")


def test_a_fork_does_not_hold_the_server(home: Path) -> None:
    """Neither a forked nor a started child of a user counts as one."""
    script = (
        "import os, subprocess, sys; from maintcli.devserver import acquire;"
        "print(acquire(sys.argv[1])['host']);"
        "subprocess.Popen(['sleep', '60'], close_fds=False, stdout=2);"
        "sys.stdout.flush(); os.fork() or os.execvp('sleep', ['sleep', '60'])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(home)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout
            server = Server(host=process.stdout.readline().strip())
            until(lambda: nothing_left(home, server), "the server is gone")
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def test_a_temporary_folder_goes_with_its_server(home: Path) -> None:
    """A demonstration leaves nothing on the disk, even when it is killed."""
    script = (
        "import sys; from maintcli.devserver import acquire;"
        "acquire(sys.argv[1], temporary=True); print('there', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(home)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "there\n"
        assert home.exists()
        process.kill()
    until(lambda: not home.exists(), "the folder is gone")


def test_nothing_secret_is_handed_to_the_server(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables hold secrets, and the server runs on under another user's name."""
    monkeypatch.setenv("STRIPE_SECRET_KEY", "canary")
    with embedded_user(home) as user:
        assert ask(user.server(), "SELECT 1") == "1"
        for pid in server_processes(home):
            assert b"canary" not in Path(f"/proc/{pid}/environ").read_bytes()


# -- users ------------------------------------------------------------------------------------


@pytest.fixture
def nobody(folder: Path) -> User:
    """An ordinary user, who owns the folder."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    found = pwd.getpwnam("nobody")
    os.chown(folder, found.pw_uid, found.pw_gid)
    return User(found.pw_uid, found.pw_gid)


def test_an_ordinary_user_has_a_server(home: Path, nobody: User) -> None:
    """No privilege is wanted, and none is left behind."""
    with embedded_user(home, user=nobody) as user:
        server = user.server()
        assert ask(server, "SELECT 1") == "1"
        assert (home / "data").stat().st_uid == nobody.uid
        user.process.kill()
        until(lambda: nothing_left(home, server), "the server is gone")


def test_for_root_the_server_runs_as_nobody(home: Path) -> None:
    """PostgreSQL refuses root; the folder itself stays root's."""
    if os.geteuid() != 0:
        pytest.skip("only root is refused by PostgreSQL")
    with embedded_user(home) as user:
        user.server()
        owner = Path(f"/proc/{postmaster_of(home)}").stat().st_uid
        assert owner == pwd.getpwnam("nobody").pw_uid
        assert home.stat().st_uid == 0


@pytest.mark.usefixtures("nobody")
def test_root_in_a_closed_folder_is_told_which(folder: Path) -> None:
    """No parent folder is opened to make it work."""
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    sentence, code = refusal(closed / "sub")
    assert code == 78
    assert f"cannot enter {closed}; name a folder outside of it" in sentence
    assert closed.stat().st_mode & 0o777 == 0o700


def test_programs_in_a_closed_home_are_copied_for_root(
    folder: Path, nobody: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An environment below a 0700 home works, and the home stays closed."""
    from maintcli.devserver import programs

    package = folder / "closed" / programs.PACKAGE
    bin_dir = package / "pginstall" / "bin"
    bin_dir.mkdir(parents=True)
    (bin_dir / "postgres").write_text("#!/bin/sh\n")
    (bin_dir / "postgres").chmod(0o700)
    (folder / "closed").chmod(0o700)
    monkeypatch.setattr(programs, "CACHE", folder / "cache")
    monkeypatch.setattr(programs, "_of_package", lambda: bin_dir)
    os.chown(folder, 0, 0)

    copied = programs.runnable(bin_dir, nobody)

    assert copied == programs.runnable(bin_dir, nobody)
    assert copied.is_relative_to(folder / "cache")
    command = [copied / "postgres"]
    subprocess.run(command, check=True, user=nobody.uid, group=nobody.gid, extra_groups=[])
    assert (folder / "closed").stat().st_mode & 0o777 == 0o700


# -- refusals -----------------------------------------------------------------------------------


def make_file(path: Path) -> None:
    """A file where a folder is wanted."""
    path.write_text("precious")


def make_foreign(path: Path) -> None:
    """A folder with somebody's files."""
    path.mkdir()
    (path / "precious").touch()


def make_old(path: Path) -> None:
    """A folder of ours with the data of an old PostgreSQL."""
    (path / "data").mkdir(parents=True)
    (path / "users.lock").touch()
    (path / "data" / "PG_VERSION").write_text("9\n")


def make_loop(path: Path) -> None:
    """A link to itself."""
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (make_file, "{path} is a file, not a folder."),
        (make_foreign, "{path} holds other files; name an empty or a new folder."),
        (make_old, "{path} holds data of PostgreSQL 9, and the programs are version "),
        (make_loop, "{path}"),
    ],
)
def test_a_path_that_cannot_serve_is_refused(
    folder: Path, make: Callable[[Path], None], says: str
) -> None:
    """One sentence that names the path, exit code 78, and nothing is touched."""
    path = folder / "it"
    make(path)
    sentence, code = refusal(path)
    assert code == 78
    assert says.format(path=path) in sentence
    assert "\n" not in sentence
    assert not (path / "server.log").exists()


def test_a_missing_parent_is_named(folder: Path) -> None:
    """A slip in a path does not make folders all over the disk."""
    sentence, code = refusal(folder / "missing" / "it")
    assert (sentence, code) == (
        f"The embedded PostgreSQL cannot be used: {folder / 'missing'} does not exist.",
        78,
    )


def test_a_folder_of_another_user_is_refused(folder: Path, nobody: User) -> None:
    """Neither root nor an ordinary user works on another's folder."""
    theirs, roots = folder / "theirs", folder / "roots"
    theirs.mkdir()
    roots.mkdir()
    os.chown(theirs, nobody.uid, nobody.gid)
    assert f"{theirs} belongs to another user (uid {nobody.uid})" in refusal(theirs)[0]
    assert f"{roots} belongs to another user (uid 0)" in refusal(roots, user=nobody)[0]


def test_a_folder_that_cannot_be_written_is_refused(folder: Path, nobody: User) -> None:
    """An ordinary user's own folder without the right to write."""
    locked = folder / "locked"
    locked.mkdir()
    os.chown(locked, nobody.uid, nobody.gid)
    locked.chmod(0o500)
    assert f"{locked} is not writable" in refusal(locked, user=nobody)[0]
    assert f"{locked / 'it'} cannot be made" in refusal(locked / "it", user=nobody)[0]


def test_a_planted_default_folder_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody may write in the parent of the default, so a link there is not followed."""
    from maintcli.devserver import folder as folders

    (folder / "elsewhere").mkdir()
    monkeypatch.setattr(folders, "DEFAULT_PARENT", folder)
    (folder / f"maint-embedded-{os.geteuid()}").symlink_to(folder / "elsewhere")
    with pytest.raises(ConfigError, match="is a symbolic link"):
        folders.prepare("")


def test_the_default_folder_is_the_users_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`embedded:` alone always means the same folder."""
    from maintcli.devserver import folder as folders

    monkeypatch.setattr(folders, "DEFAULT_PARENT", folder)
    assert folders.prepare("") == folder / f"maint-embedded-{os.geteuid()}"
    assert folders.prepare("") == folders.prepare("")


def test_missing_programs_name_the_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra to install, or the folder that holds no programs."""
    from maintcli.devserver import programs

    monkeypatch.delenv(programs.VARIABLE, raising=False)
    monkeypatch.setattr(programs, "PACKAGE", "no_such_package")
    with pytest.raises(ConfigError, match=r"pip install 'maintcli\[embedded\]'"):
        programs.find()
    with pytest.raises(ConfigError, match="holds no program postgres"):
        programs.find(folder)
