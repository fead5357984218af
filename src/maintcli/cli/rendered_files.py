"""Rendered files on the disk: written, found again, and removed once their entry is gone."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from maintcli.config.files import write_new
from maintcli.config.messages import bare, hint
from maintcli.errors import ConfigError, Usage
from maintcli.schedules.targets import TARGETS
from maintcli.schedules.targets.text import is_ours, split

_MOST_CHARACTERS = 1_000_000  # of a file; ours have some thousands


def targets(given: str | None, *, every: bool) -> list[str]:
    """The names of the targets that are meant. Raises Usage."""
    if given is None and every:
        return list(TARGETS)
    if given is None:
        raise Usage(f"Name the scheduler: --target {'|'.join(TARGETS)}.")
    if given not in TARGETS:
        raise Usage(f"--target: there is no {bare(given)}; {hint(given, TARGETS)}")
    return [given]


def present(paths: Iterable[str], folder: Path) -> dict[str, str]:
    """The text of each of `paths` below `folder` that is there. Raises ConfigError."""
    return {path: _text(folder / path) for path in paths if (folder / path).is_file()}


def write_all(target: str, files: Mapping[str, str], folder: Path) -> list[Path]:
    """Write each file of `target` below `folder`, before what the user wrote at its end.

    The paths of those that were not so already. Raises ConfigError, too where a file of that name
    is not a rendered one.
    """
    changed: dict[Path, str] = {}
    for name, text in files.items():
        path = folder / name
        there = _whole(path) if path.is_file() else ""
        if there and is_ours(name, target, text) and not is_ours(name, target, there):
            raise ConfigError(
                f"{path} is there and was not rendered by maint; move it, or name another"
                " folder: --output DIR."
            )
        rendered, kept = split(there)
        if rendered != text:
            changed[path] = text + kept
    for path, text in changed.items():
        _write(path, text)
    return [*changed]


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from None
    write_new(path, text, force=True)


def left_over(target: str, rendered: Collection[str], folder: Path) -> dict[str, str]:
    """The files of `target` below `folder` that it once rendered there, and now does not."""
    found = {
        path.relative_to(folder).as_posix(): path
        for pattern in TARGETS[target].patterns
        for path in sorted(folder.glob(pattern))
        if path.is_file() and not path.is_symlink()
    }
    texts = {name: _text(path) for name, path in found.items() if name not in rendered}
    return {name: text for name, text in texts.items() if is_ours(name, target, text)}


def remove(gone: Mapping[str, str], folder: Path) -> dict[Path, bool]:
    """Each file by its path, and whether it was removed: one with lines of the user is not.

    Raises ConfigError.
    """
    removed = {folder / name: not split(text)[1] for name, text in gone.items()}
    for path, is_removed in removed.items():
        if is_removed:
            _remove(path)
    return removed


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(f"{path} cannot be removed: {error.strerror}.") from None


def _whole(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"{path} cannot be written: {error}.") from None


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_MOST_CHARACTERS)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
