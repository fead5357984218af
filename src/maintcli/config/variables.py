"""Variables and secrets: the environment, with .env behind it, each with its origin."""

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Generic, NamedTuple, NoReturn, TypeVar

from maintcli.config.files import check_env_file, read_found, read_named
from maintcli.config.messages import MASK, bare, mask, printable, quote, word
from maintcli.errors import ConfigError

T_co = TypeVar("T_co", covariant=True)
_ENV_FILE: Final = ".env"
# NAME=value of a secret's name, or with a password inside the value. A value that leads to a file
# or to another variable is none.
_EXPOSING: Final = (
    r"\A\w*(PASSW|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY)\w*(?<!_FILE)=\s*(?!file:|env:|\$)\S"
    r"|://[^/\s]*:[^/\s$][^/\s]*@"
    r"|\bpassword\s*=\s*[^\s$&]"
)


class Sourced(NamedTuple, Generic[T_co]):
    """A value and its origin in words fit for a message, e.g. `environment DATABASE_URL`.

    `shown` is the value as a report or the ledger may show it: as written, with `${NAME}` not
    filled in and passwords masked. The value itself is kept out of the repr: it may be a secret.
    (Named tuples here and beside: a frozen dataclass costs each start a millisecond.)
    """

    value: T_co
    origin: str
    shown: str = ""

    def __repr__(self) -> str:
        return f"Sourced(origin={self.origin!r}, shown={self.shown!r})"


class Variables(Mapping[str, Sourced[str]]):
    """Every variable with its origin; what is in the environment is never replaced by the file.

    Values of the environment are taken literally. Values of the env file have `${NAME}` filled in
    when they are asked for, so that a line for another program cannot stop this one.
    """

    __slots__ = ("_environ", "_file", "_label", "warnings")

    def __init__(
        self,
        environ: Mapping[str, str],
        file: Mapping[str, str] | None = None,
        label: str = ".env",
        warnings: tuple[str, ...] = (),
    ) -> None:
        """Put `environ` over `file`, which messages call `label` and which gave `warnings`."""
        self._environ = dict(environ)
        self._file = dict(file or {})
        self._label = label
        self.warnings = warnings

    def __getitem__(self, name: str) -> Sourced[str]:
        return self._look_up(name, ())

    def __contains__(self, name: object) -> bool:
        return name in self._environ or name in self._file

    def __iter__(self) -> Iterator[str]:
        return iter({**self._file, **self._environ})

    def __len__(self) -> int:
        return len({**self._file, **self._environ})

    def __repr__(self) -> str:
        return f"<Variables: {len(self)}>"

    def raw(self, name: str) -> str:
        """The value as written, nothing filled in."""
        return self._environ[name] if name in self._environ else self._file[name]

    def origin(self, name: str) -> str:
        """Where the value of `name` comes from, for a message."""
        return f"environment {name}" if name in self._environ else f"{self._label} {name}"

    def fill(self, text: str, origin: str) -> str:
        """`text` with each `${NAME}` and `${NAME:-default}` filled in; `$${` stands for `${`.

        Raises ConfigError naming `origin` when a variable is missing or blank.
        """
        return self._fill(text, origin, ())

    def _look_up(self, name: str, seen: tuple[str, ...]) -> Sourced[str]:
        value, origin = self.raw(name), self.origin(name)
        if name in self._environ:
            return Sourced(value, origin, MASK)
        return Sourced(self._fill(value, origin, (*seen, name)), origin, MASK)

    def _fill(self, text: str, origin: str, seen: tuple[str, ...]) -> str:
        done: list[str] = []
        head, found, rest = text.partition("${")
        while found:
            done.append(head)
            if head.endswith("$"):
                done.append("{")
            else:
                inner, closed, rest = rest.partition("}")
                if not closed:
                    raise ConfigError(
                        f"{origin}: a ${{ is not closed; write ${{NAME}}, or $${{ for the "
                        "characters themselves."
                    )
                done.append(self._value(inner, origin, seen))
            head, found, rest = rest.partition("${")
        return "".join([*done, head])

    def _value(self, inner: str, origin: str, seen: tuple[str, ...]) -> str:
        name, has_default, default = inner.partition(":-")
        if not (name.isidentifier() and name.isascii()):
            raise ConfigError(
                f"{origin}: {quote(name)} in ${{…}} is not the name of a variable; write "
                "${NAME}, or $${ for the characters themselves."
            )
        if name in seen:
            raise ConfigError(f"{origin}: ${{{name}}} leads back to itself; name another.")
        value = self._look_up(name, seen).value if name in self else ""
        if value.strip():
            return value
        if has_default:
            return default
        why = "is blank" if name in self else "is not set"
        raise ConfigError(f"{origin}: the variable {name} in ${{{name}}} {why}; set it.")


def read_variables(environ: Mapping[str, str], env_file: Path | None, cwd: Path) -> Variables:
    """The variables of `environ`, then of `env_file` or else of `cwd`/.env (no other folder).

    Raises ConfigError when the file is not to be trusted or cannot be read.
    """
    if env_file is not None:
        name = f"--env-file {printable(str(env_file))}"
        text: str | None = _read_named(cwd / env_file, name)
        label = printable(str(env_file))
    else:
        text, name, label = _read_found(cwd / _ENV_FILE), _ENV_FILE, _ENV_FILE
    if text is None:
        return Variables(environ)
    values, warnings = _parse(text, name)
    exposed = _exposed(values, cwd / (env_file or _ENV_FILE), name)
    return Variables(environ, values, label, (*warnings, *exposed))


def _read_named(path: Path, name: str) -> str:
    def check(descriptor: int, status: os.stat_result) -> None:
        check_env_file(path, name, descriptor, status, named=True)

    return read_named(path, name, check)


def _read_found(path: Path) -> str | None:
    def check(descriptor: int, status: os.stat_result) -> None:
        check_env_file(path, path.name, descriptor, status, named=False)

    # A directory of this name is a virtual environment.
    return read_found(path, path.name, check, skip_directory=True)


def _parse(text: str, name: str) -> tuple[dict[str, str], tuple[str, ...]]:
    from io import StringIO

    from dotenv.parser import parse_stream

    values: dict[str, str] = {}
    warnings: list[str] = []
    for binding in parse_stream(StringIO(text)):
        if binding.error:
            line = _line(binding.original.line, binding.original.string)
            raise ConfigError(
                f"{name}: line {line} cannot be understood; write NAME=value, "
                'or NAME="value" with both quotes.'
            )
        if binding.key is None or binding.value is None:
            continue
        if binding.key in values:
            warnings.append(f"{name} sets {bare(binding.key)} more than once; the last one counts.")
        values[binding.key] = binding.value
    return values, tuple(dict.fromkeys(warnings))


def _line(line: int, statement: str) -> int:
    """The line on which a statement's first character stands; its blank lines come before."""
    return line + statement[: len(statement) - len(statement.lstrip())].count("\n")


def _exposed(values: Mapping[str, str], path: Path, name: str) -> tuple[str, ...]:
    """A warning where every user can read a password."""
    import re

    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) and mode & stat.S_IROTH):
        return ()
    secret = re.compile(_EXPOSING, re.IGNORECASE)
    for key, value in values.items():
        if secret.search(f"{key}={value}"):
            what = f"{name}: every user can read {bare(key)} (mode {stat.S_IMODE(mode):04o})"
            return (f"{what}; run: chmod o-r {word(path)}",)
    return ()


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
