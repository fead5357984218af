"""Log lines: time, level, job, sentence; to stderr and to files."""

import os
import stat
import sys
import unicodedata
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import Final, NamedTuple, TextIO, cast

from maintcli.config.files import distrusted
from maintcli.errors import ConfigError

# Not blocking: a pipe whose reader is slow or missing must not hold up a run.
_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
_NAME: Final = "maint.log"
_TAIL_LINES: Final = 50
_WRONG: Final = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)


class Level(IntEnum):
    """How loud a line is."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


class LogFile(NamedTuple):
    """A file that lines are added to, and how messages call it."""

    name: str
    descriptor: int


class Log:
    """Writes each line to stderr from `threshold` up, and to every file from INFO up.

    A file that cannot be written changes nothing about a run but its warnings.
    """

    def __init__(self, name: str, threshold: Level, files: Sequence[LogFile] = ()) -> None:
        self.name = name
        self.threshold = threshold
        self.warnings: list[str] = []
        self._tail = deque[str](maxlen=_TAIL_LINES)
        self._files = files
        self._failed: set[LogFile] = set()
        self._secrets: set[str] = set()

    @property
    def has_files(self) -> bool:
        """Whether anything is kept of it."""
        return bool(self._files)

    @property
    def tail(self) -> tuple[str, ...]:
        """The last lines from INFO up, the oldest first."""
        return tuple(self._tail)

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            with suppress(OSError):  # NFS says only now that its disk is full
                os.close(file.descriptor)

    def hide(self, secret: str) -> None:
        """Never write `secret`, whatever a sentence holds. A very short one would eat the text."""
        if len(secret) >= 4:
            self._secrets.add(secret)

    def safe(self, text: str) -> str:
        """`text` on one line, with secrets masked and control characters neutralised."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return printable(text)

    def debug(self, sentence: str) -> None:
        """Say what only -v shows."""
        self._write(Level.DEBUG, sentence)

    def info(self, sentence: str) -> None:
        """Say how it goes."""
        self._write(Level.INFO, sentence)

    def warn(self, sentence: str, statements: Sequence[str] = ()) -> None:
        """Say what needs attention; it also stands in the report.

        `statements` mend it. Each gets a line of its own, with nothing else on it, to be pasted.
        """
        self.warnings.append(self.safe(sentence))
        self._write(Level.WARNING, sentence, statements)

    def error(self, sentence: str, statements: Sequence[str] = ()) -> None:
        """Say what went wrong, and what mends it."""
        self._write(Level.ERROR, sentence, statements)

    def record(self, sentence: str) -> None:
        """Say in the files alone what standard output says."""
        for file in self._files:
            self._add(file, self._line(Level.INFO, sentence))

    def _write(self, level: Level, sentence: str, statements: Sequence[str] = ()) -> None:
        line = self._line(level, sentence)
        line += "".join(f"{self.safe(statement)}\n" for statement in statements)
        if level >= Level.INFO:
            self._tail.append(line.rstrip("\n"))
        stream = cast("TextIO | None", sys.stderr)
        if level >= self.threshold and stream is not None:  # None: started with it closed
            with suppress(OSError):  # a full disk or a closed pipe must not stop the work
                stream.write(line)
                stream.flush()
        for file in self._files if level >= Level.INFO else ():
            self._add(file, line)

    def _line(self, level: Level, sentence: str) -> str:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return f"{now} {level.name} {self.name} {self.safe(sentence)}\n"

    def _add(self, file: LogFile, line: str) -> None:
        try:
            os.write(file.descriptor, line.encode())
        except OSError as error:
            if file not in self._failed:
                self._failed.add(file)
                why = f"{file.name} cannot be written: {error.strerror}"
                self.warn(f"{why}; lines are missing there")


def open_named(path: Path, origin: str) -> tuple[LogFile | None, str]:
    """The file that --log-file names, or why it cannot be written now, which stops no run.

    Naming it is consent to its owner, but not to a link of another user that leads elsewhere.
    Raises ConfigError for that, and for a path that is wrong.
    """
    name = f"{origin} {path}"
    try:
        if path.is_symlink() and path.lstat().st_uid not in (0, os.geteuid()):
            reason = f"{name} is a link of another user; name the file that it leads to."
            raise ConfigError(reason)
        return LogFile(name, os.open(path, _FLAGS, 0o666)), ""
    except OSError as error:
        why = f"{name} cannot be written: {error.strerror}"
        if isinstance(error, _WRONG):
            raise ConfigError(f"{why}.") from None
        return None, why


def open_found(folder: Path) -> tuple[LogFile | None, str]:
    """maint.log in `folder`, or why it is not written; neither where there is no such folder."""
    name, outer = f"{folder.name}/{_NAME}", -1
    try:
        outer = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        if why := distrusted(os.fstat(outer), folder.lstat()):
            return None, f"{name} is not written: {folder.name}/ {why}; name it with --log-file"
        descriptor = os.open(_NAME, _FLAGS | os.O_NOFOLLOW, 0o666, dir_fd=outer)
        if why := _unfit(os.fstat(descriptor)):
            os.close(descriptor)
            return None, f"{name} is not written: it {why}"
        return LogFile(name, descriptor), ""
    except (FileNotFoundError, NotADirectoryError):
        return None, ""
    except OSError as error:
        return None, f"{name} is not written: {error.strerror}"
    finally:
        if outer >= 0:
            os.close(outer)


def _unfit(status: os.stat_result) -> str:
    """Why a file in logs/ could lead elsewhere, or blank."""
    if not stat.S_ISREG(status.st_mode):
        return "is not a regular file"
    return "has another name elsewhere" if status.st_nlink > 1 else distrusted(status)


def printable(text: str) -> str:
    """Neutralise control and formatting characters: database text must not drive a terminal, nor
    GitHub's runner, which obeys ##[command] anywhere in a line.
    """
    text = text.replace("##[", "# #[")
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c if not unicodedata.category(c).startswith("C") else "\N{REPLACEMENT CHARACTER}"
        for c in text
    )
