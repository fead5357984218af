"""Commands for tables of a benchmark's own, as [sweeps.NAME] of a configuration file."""

from collections.abc import Callable
from functools import partial
from pathlib import Path


def sweep(folder: Path, name: str, **keys: object) -> Callable[..., list[str | Path]]:
    """A maker of commands that run the sweep `name`, whose section holds `keys`."""
    lines = [f"[sweeps.{name}]", *(f"{key} = {_toml(value)}" for key, value in keys.items())]
    path = folder / f"{name}.toml"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return partial(_command, name, path)


def _command(
    name: str, path: Path, *options: str, program: tuple[str | Path, ...]
) -> list[str | Path]:
    usual = ("--timeout", "30m", "--max-percent", "100", "--no-throttle")
    return [*program, name, "--config", path, *usual, *options]


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"'
