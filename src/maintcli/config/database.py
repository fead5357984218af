"""[database] and [databases.NAME]: where the databases are and where the toolkit's tables live."""

from pathlib import Path
from typing import Final, NamedTuple

from maintcli.config.section import Section
from maintcli.config.variables import Secret, Sourced, Variables, read_secret
from maintcli.errors import ConfigError

MAIN: Final = "default"
ALL: Final = "all"
URL_VARIABLE: Final = "DATABASE_URL"
SCHEMA_VARIABLE: Final = "MAINT_DATABASE_SCHEMA"
_KEYS: Final = ("url", "schema")
_RESERVED: Final = {
    MAIN: "write it as [database]",
    ALL: "it stands for every database",
}


class DatabaseConfig(NamedTuple):
    """One database, ready to connect to; `url` is None where none is configured.

    `section` is the TOML section that configures it (`database`, `databases.reporting`),
    `url_origin` where the URL came from, `warnings` what should be said about the URL. Paths in a
    URL of maint.toml are relative to `base`, its directory; in a variable to the working directory.
    """

    name: str
    url: Secret | None
    url_origin: str
    schema: str | None
    section: str
    warnings: tuple[str, ...] = ()
    base: Path | None = None


def no_database(section: str) -> ConfigError:
    """The error of a command that needs a database where none is configured."""
    return ConfigError(
        f"No database is configured. Set DATABASE_URL, or url under [{section}] in maint.toml;"
        " to try things out, DATABASE_URL=embedded: gives a private PostgreSQL."
    )


class DatabaseSource(NamedTuple):
    """One database as configured; its secret is read only when the database is wanted."""

    name: str
    section: str
    url: Sourced[str] | None
    schema: Sourced[str] | None
    base: Path

    def read(self, variables: Variables, cwd: Path) -> DatabaseConfig:
        """Fill in, follow `file:` and `env:`, cut white space. Raises ConfigError."""
        schema = None if self.schema is None else self.schema.value
        if self.name == MAIN and URL_VARIABLE in variables:
            read, base = read_secret(variables[URL_VARIABLE], variables, cwd), None
        elif self.url is not None:
            filled = variables.fill(self.url.value, self.url.origin)
            read = read_secret(Sourced(filled, self.url.origin), variables, self.base)
            base = self.base
        else:
            return DatabaseConfig(self.name, None, "", schema, self.section)
        return DatabaseConfig(
            self.name, read.secret, read.origin, schema, self.section, read.warnings, base
        )

    def url_origin(self, variables: Variables) -> str:
        """Where the URL would come from, without reading it; blank where there is none."""
        if self.name == MAIN and URL_VARIABLE in variables:
            return variables.origin(URL_VARIABLE)
        return "" if self.url is None else self.url.origin


def read_databases(top: Section, base: Path) -> dict[str, DatabaseSource]:
    """Every configured database by name; the main one, `default`, is first and always there.

    `file:` paths in maint.toml are relative to `base`. Raises ConfigError.
    """
    main = top.section("database")
    found = {MAIN: _source(MAIN, main, base, _schema_variable(top.variables))}
    for name, section in top.sections("databases").items():
        if name in _RESERVED:
            raise ConfigError(f"{section.place()}: the name {name} is taken; {_RESERVED[name]}.")
        found[name] = _source(name, section, base, None)
    return found


def _source(name: str, section: Section, base: Path, schema: Sourced[str] | None) -> DatabaseSource:
    section.only(_KEYS)
    url = section.raw_text("url")
    return DatabaseSource(
        name=name,
        section=".".join(section.path),
        url=None if url is None else Sourced(url, section.place("url")),
        schema=schema or _schema(section),
        base=base,
    )


def _schema(section: Section) -> Sourced[str] | None:
    text = section.text("schema")
    return None if text is None else Sourced(text, section.place("schema"), text)


def _schema_variable(variables: Variables) -> Sourced[str] | None:
    found = variables.get(SCHEMA_VARIABLE)
    if found is not None and not found.value.strip():
        raise ConfigError(f"{found.origin} is blank; give it a value or unset it.")
    return found and Sourced(found.value, found.origin, found.value)
