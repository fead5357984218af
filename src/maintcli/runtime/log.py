"""Log lines: time, level, job, sentence; to stderr and to files."""

import os
import sys
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import TextIO

from maintcli.errors import ConfigError


class Level(IntEnum):
    """How loud a line is."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


class Log:
    """Writes each line to stderr from `threshold` up, and to every file from INFO up."""

    def __init__(self, name: str, threshold: Level, files: Sequence[TextIO] = ()) -> None:
        self.name = name
        self.threshold = threshold
        self.warnings: list[str] = []
        self._files = files
        self._secrets: set[str] = set()

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()

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

    def warn(self, sentence: str) -> None:
        """Say what somebody should look at; it also stands in the report."""
        self.warnings.append(self.safe(sentence))
        self._write(Level.WARNING, sentence)

    def error(self, sentence: str) -> None:
        """Say what went wrong."""
        self._write(Level.ERROR, sentence)

    def _write(self, level: Level, sentence: str) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        line = f"{now} {level.name} {self.name} {self.safe(sentence)}\n"
        wanted = [sys.stderr] if level >= self.threshold else []
        for stream in [*wanted, *(self._files if level >= Level.INFO else ())]:
            try:
                stream.write(line)
                stream.flush()
            except OSError:  # a full disk or a closed pipe must not stop the work
                continue


def open_files(log_file: Path | None, cwd: Path, *, origin: str = "--log-file") -> list[TextIO]:
    """The files that log lines go to: --log-file, and logs/maint.log where logs/ exists."""
    files: list[TextIO] = []
    if log_file is not None:
        try:
            files.append(log_file.open("a", encoding="utf-8"))
        except OSError as error:
            reason = f"{origin} {log_file} cannot be written: {error.strerror}."
            raise ConfigError(reason=reason) from None
    if (cwd / "logs").is_dir() and os.access(cwd / "logs", os.W_OK):
        files.append((cwd / "logs" / "maint.log").open("a", encoding="utf-8"))
    return files


def printable(text: str) -> str:
    """Neutralise control and formatting characters: database text must not drive a terminal."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c if not unicodedata.category(c).startswith("C") else "\N{REPLACEMENT CHARACTER}"
        for c in text
    )
