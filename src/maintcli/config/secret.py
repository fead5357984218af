"""Secrets: read from a value, a file or another variable, and never shown by accident."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from maintcli.config.files import read_named
from maintcli.config.messages import MASK, mask, printable
from maintcli.config.variables import Sourced
from maintcli.errors import ConfigError


class Secret:
    """A text that prints as ***; `reveal()` gives it to the one place that needs it."""

    __slots__: Final = ("_text",)

    def __init__(self, text: str) -> None:
        """Keep `text` as it is."""
        self._text: str = text

    def reveal(self) -> str:
        """The text itself; never for a message, a log or a report."""
        return self._text

    def __str__(self) -> str:
        return MASK

    def __repr__(self) -> str:
        return f"Secret('{MASK}')"

    def __format__(self, spec: str, /) -> str:
        return format(MASK, spec)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not to be pickled")


class Read(NamedTuple):
    """A secret as found: with where it came from and what should be said about it."""

    secret: Secret
    origin: str
    warnings: tuple[str, ...] = ()


def read_secret(raw: Sourced[str], variables: Mapping[str, Sourced[str]], base: Path) -> Read:
    """Follow `file:PATH` (relative to `base`) or `env:NAME` in `raw`, else take it as it stands.

    White space around the secret is cut, with a warning; one newline at the end of a file is
    cut without one. Raises ConfigError when the file or variable is missing or the secret is blank.
    """
    text, origin = _follow(raw, variables, base)
    cut = text.strip()
    if not cut:
        raise ConfigError(f"{origin} is blank; give it a value or remove it.")
    if cut == text:
        return Read(Secret(cut), origin)
    return Read(Secret(cut), origin, (f"{origin} has white space around it, which was cut.",))


def _follow(
    raw: Sourced[str], variables: Mapping[str, Sourced[str]], base: Path
) -> tuple[str, str]:
    text = raw.value.strip()
    if text.startswith("file:"):
        path = _path(text, raw.origin)
        origin = f"{raw.origin} (file:{path})"
        return read_named(base / path, origin).removesuffix("\n"), origin
    if text.startswith("env:"):
        return _other_variable(text.removeprefix("env:").strip(), raw.origin, variables)
    return raw.value, raw.origin


def _path(text: str, origin: str) -> str:
    path = text.removeprefix("file:").strip()
    # A path that looks like a URL with a password is a mistake and must not be shown.
    if not path or printable(mask(path)) != path:
        raise ConfigError(f"{origin}: what follows file: is not a path; write file:PATH.")
    return path


def _other_variable(
    name: str, origin: str, variables: Mapping[str, Sourced[str]]
) -> tuple[str, str]:
    if not (name.isidentifier() and name.isascii()):
        raise ConfigError(
            f"{origin}: what follows env: is not the name of a variable; write env:NAME."
        )
    found = variables.get(name)
    if found is None:
        raise ConfigError(f"{origin}: env:{name} names a variable that is not set; set it.")
    return found.value, f"{origin} ({found.origin})"
