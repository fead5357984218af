"""The environment, with the .env file behind it and ${NAME} filled in."""

from collections.abc import Iterator, Mapping

from maintcli.config.say import MASK, quote
from maintcli.config.sourced import Sourced
from maintcli.errors import ConfigError


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
