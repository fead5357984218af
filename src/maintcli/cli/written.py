"""Rendered files as they lie on the disk, and those whose entry is gone."""

from collections.abc import Collection, Iterable
from pathlib import Path

from maintcli.errors import ConfigError
from maintcli.schedules.targets import TARGETS
from maintcli.schedules.targets.header import is_ours

_MOST_CHARACTERS = 1_000_000  # of a file; ours have some thousands


def present(paths: Iterable[str], folder: Path) -> dict[str, str]:
    """The text of each of `paths` below `folder` that is there. Raises ConfigError."""
    return {path: _text(folder / path) for path in paths if (folder / path).is_file()}


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


def remove(names: Iterable[str], folder: Path) -> list[Path]:
    """Remove them; their paths. Raises ConfigError."""
    return [_remove(folder / name) for name in names]


def _remove(path: Path) -> Path:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(reason=f"{path} cannot be removed: {error.strerror}.") from None
    return path


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_MOST_CHARACTERS)
    except OSError as error:
        raise ConfigError(reason=f"{path} cannot be read: {error.strerror}.") from None
