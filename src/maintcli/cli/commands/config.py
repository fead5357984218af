"""maint config: the configuration file, and what is in force."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from maintcli import registry
from maintcli.cli.declared import declared
from maintcli.cli.job import load_job
from maintcli.cli.operator import Json, group, operator
from maintcli.cli.place import Place
from maintcli.config import show as showing
from maintcli.config import template
from maintcli.config.files import write_new
from maintcli.config.load import FILE_NAME
from maintcli.output.show import show as display
from maintcli.output.table import Table

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
    jobs = [load_job(name, entry) for name, entry in registry.JOBS.items()]
    text = template.render([(job.name, job.schedule, job.settings) for job in jobs])
    path = Path(config or FILE_NAME)
    write_new(path, text, force=force, advice=" --force overwrites it.")
    display({"path": str(path)}, lambda: [f"Wrote {path}."], json=json)


@operator("show")
def show(place: Place, *, json: Json = False) -> None:
    """Show every setting in force and where it came from, secrets masked."""
    config = place.read_aloud()
    place.target(config)
    jobs = [(name, found.job.settings) for name, found in declared(config).items()]
    rows = showing.settings(config, jobs)
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
