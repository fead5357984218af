"""maint db: the toolkit's own tables, and the example."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer

from maintcli.cli import everywhere
from maintcli.cli.operator import Json, Yes, agree, group, operator
from maintcli.cli.place import Place
from maintcli.config.database import DatabaseConfig
from maintcli.db import check as checking
from maintcli.db import example as examples
from maintcli.db import names, removal, toolkit
from maintcli.db.connect import Connection
from maintcli.errors import MaintError, Usage
from maintcli.present.show import show
from maintcli.present.table import Table
from maintcli.runtime.visit import connected, toolkit_tables

_SESSIONS = typer.Option("--sessions", metavar="N", help="How many sessions to make up.")
_SCHEMA = typer.Option(
    "--schema", metavar="NAME", help="The schema to use; made where it is not there."
)
_DROP = typer.Option("--drop", help="Drop the example's tables again; asks first.")
_SEED = typer.Option("--seed", metavar="X", help="From -1 to 1; the same seed makes the same rows.")


@operator("migrate")
def migrate(place: Place, *, json: Json = False) -> int | None:
    """Make the toolkit's tables, or bring them up to date; safe to repeat."""
    config = place.read_aloud()
    if place.is_everywhere(config):
        return everywhere.each(config, _migrate, _migrated, json=json)
    found = _migrate(place.target(config))
    show(found, lambda: _migrated(found), json=json)
    return None


def _migrate(database: DatabaseConfig) -> dict[str, Any]:
    with connected(database, "db migrate", write=True) as connection:
        applied = toolkit.migrate(connection, database.schema, section=database.section)
        schema = toolkit.look(connection, database.schema).schema
    return {"schema": schema, "version": toolkit.VERSION, "applied": applied}


def _migrated(found: Mapping[str, Any]) -> list[str]:
    head = [f"applied {name}" for name in found["applied"]]
    where = f"The toolkit's tables in schema {found['schema']}"
    return [*head, f"{where} are at version {found['version']}."]


@operator("check")
def check(place: Place, *, json: Json = False) -> int | None:
    """Check that the toolkit's tables are there, ours, current, and open to this role."""
    config = place.read_aloud()
    if place.is_everywhere(config):
        return everywhere.each(config, _checked, lambda found: [_good(found["schema"])], json=json)
    try:
        schema, tables = _check(place.target(config))
    except MaintError as error:
        _show_check(None, [], error, json=json)
        raise
    lacking = checking.missing(schema, tables)
    _show_check(schema, tables, lacking, json=json)
    if lacking:
        raise lacking
    return None


def _check(database: DatabaseConfig) -> tuple[str, list[checking.TableCheck]]:
    with toolkit_tables(database, "db check") as (session, schema):
        return schema, checking.check(session.connection, schema)


def _checked(database: DatabaseConfig) -> dict[str, Any]:
    schema, tables = _check(database)
    if lacking := checking.missing(schema, tables):
        raise lacking
    return {"schema": schema, "version": toolkit.VERSION}


def _good(schema: str | None) -> str:
    return f"The toolkit's tables in schema {schema} are at version {toolkit.VERSION}, as needed."


def _show_check(
    schema: str | None,
    tables: list[checking.TableCheck],
    error: MaintError | None,
    *,
    json: bool,
) -> None:
    data = {
        "ok": error is None,
        "schema": schema,
        "version": toolkit.VERSION if schema else None,
        "tables": [asdict(table) | {"ok": table.ok} for table in tables],
        "message": str(error) if error else "",
    }
    rows = [(t.table, ", ".join(t.needed), ", ".join(t.missing) or "nothing") for t in tables]
    table = Table(("table", "needed", "missing"), rows)
    end = [] if error else [_good(schema)]
    show(data, lambda: ([table] if rows else []) + end, json=json)
    if error:
        error.in_json = json


@operator("example")
def example(
    place: Place,
    *,
    sessions: Annotated[int, _SESSIONS] = 2_000,
    seed: Annotated[float, _SEED] = 0.42,
    schema: Annotated[str | None, _SCHEMA] = None,
    drop: Annotated[bool, _DROP] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Make the reference tables with sample rows, something for every job to do.

    Refused where the schema holds other tables. --drop removes what this made, and asks first.
    """
    if sessions < 0:
        raise Usage(reason=f"--sessions: {sessions} is too small; it must be at least 0.")
    if not -1 <= seed <= 1:
        raise Usage(reason=f"--seed: {seed:g} is out of range; it must be from -1 to 1.")
    if schema is not None:
        names.check(schema, "--schema")
    config = place.read_aloud()
    with connected(place.target(config), "db example", write=True) as connection:
        if drop:
            found = _drop(connection, schema, removal.EXAMPLE, "the example's tables", yes=yes)
            show(found, lambda: _dropped(found), json=json)
            return
        where = examples.create(connection, schema, sessions=sessions, seed=seed)
    tables = list(examples.TABLES)
    made = f"Made {len(tables)} tables with sample rows in schema {where}: {', '.join(tables)}."
    path = f"Jobs find them with {where} first in the search path: PGOPTIONS=-csearch_path={where}"
    show(
        {"schema": where, "tables": tables, "sessions": sessions, "seed": seed},
        lambda: [made, *([path] if schema else [])],
        json=json,
    )


@operator("uninstall")
def uninstall(place: Place, *, yes: Yes = False, json: Json = False) -> None:
    """Drop maint's own tables, with the run history in them; asks first.

    No other table is touched. Archives stay where they are; maint restore --from reads them.
    """
    config = place.read_aloud()
    database = place.target(config)
    with connected(database, "db uninstall", write=True) as connection:
        found = _drop(connection, database.schema, removal.TOOLKIT, "maint's tables", yes=yes)
    show(found, lambda: _dropped(found), json=json)


def _drop(
    connection: Connection, schema: str | None, made: removal.Made, what: str, *, yes: bool
) -> dict[str, Any]:
    where = schema or toolkit.look(connection, None).schema
    tables = removal.find(connection, where, made)
    if tables:
        agree(f"Drop {what} in schema {where}: {', '.join(tables)}?", yes=yes)
        tables = removal.drop(connection, where, made, tables)
    return {"schema": where, "dropped": tables}


def _dropped(found: Mapping[str, Any]) -> list[str]:
    tables = found["dropped"]
    if not tables:
        return [f"There is nothing of maint's to drop in schema {found['schema']}."]
    return [f"Dropped {len(tables)} tables in schema {found['schema']}: {', '.join(tables)}."]


db = group("db", "Make, check and drop maint's own tables.", migrate, check, example, uninstall)
