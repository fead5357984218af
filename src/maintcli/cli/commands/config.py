"""maint config, plugins and secret: the configuration, and what it may name."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from maintcli import registry
from maintcli.cli.declared import declared
from maintcli.cli.location import ConfigLocation
from maintcli.cli.operator import Json, group, operator
from maintcli.config import show as showing
from maintcli.config.files import write_new
from maintcli.config.load import FILE_NAME
from maintcli.output.table import Table
from maintcli.output.table import show as display

if TYPE_CHECKING:
    from maintcli.runtime.context import Job

_PATH = typer.Option("--config", metavar="PATH", help=f"Where to write instead of ./{FILE_NAME}.")
_FORCE = typer.Option("--force", help="Overwrite the file where it exists.")


@operator("init")
def init(
    *,
    config: Annotated[str | None, _PATH] = None,
    force: Annotated[bool, _FORCE] = False,
    json: Json = False,
) -> None:
    """Write a maint.toml with every setting, commented out, at its default."""
    jobs = [cast("Job", registry.load(entry)) for entry in registry.JOBS.values()]
    text = showing.render([(job.name, job.schedule, job.settings) for job in jobs])
    path = Path(config or FILE_NAME)
    write_new(path, text, force=force, advice=" --force overwrites it.")
    display({"path": str(path)}, lambda: [f"Wrote {path}."], json=json)


@operator("show")
def show(location: ConfigLocation, *, json: Json = False) -> None:
    """Show every setting in force and where it came from, secrets masked."""
    config = location.read_aloud()
    location.target(config)
    jobs = [found.job for found in declared(config).values()]
    rows = showing.settings(
        config,
        [(job.name, job.settings) for job in jobs],
        {job.name: job.secrets for job in jobs},
        {job.name: job.variables for job in jobs},
    )
    table = Table(
        ("section", "key", "value", "from"),
        [(row.section, row.key, row.value, row.origin) for row in rows],
    )
    display(
        {"file": str(config.path) if config.path else None, "settings": [asdict(r) for r in rows]},
        lambda: [table],
        json=json,
    )


config = group("config", "Write a configuration, or show the one in force.", init, show)


@operator("plugins")
def plugins(location: ConfigLocation, *, json: Json = False) -> None:
    """List jobs of other packages, and which may run."""
    config = location.read_aloud()
    found = [
        {
            "job": name,
            "package": distribution,
            "target": target,
            "listed": registry.is_listed(distribution, config.plugins),
        }
        for distribution, name, target in sorted(registry.plugins())
    ]
    rows = [
        (str(p["job"]), str(p["package"]), "yes" if p["listed"] else "no", str(p["target"]))
        for p in found
    ]
    table = Table(
        ("job", "package", "listed", "target"), rows, "No package with jobs is installed."
    )
    unlisted = sorted({str(p["package"]) for p in found if not p["listed"]})
    advice = [f"To trust a package, add it to maint.toml: plugins = {_toml(unlisted)}"]
    display({"plugins": found}, lambda: [table, *(advice if unlisted else [])], json=json)


def _toml(names: list[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


@operator("secret")
def secret(*, json: Json = False) -> None:
    """Print a new secret: 32 random bytes in hex."""
    from secrets import token_hex

    text = token_hex(32)
    display({"secret": text}, lambda: [text], json=json)
