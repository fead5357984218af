"""maint db: the toolkit's own tables, and the example."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any

import typer

from maintcli.cli.location import ConfigLocation
from maintcli.cli.operator import Json, Yes, agree, group, operator
from maintcli.cli.rights import Survey, survey
from maintcli.cli.run import databases
from maintcli.config.database import DatabaseConfig
from maintcli.config.model import Config
from maintcli.db import example as examples
from maintcli.db import names, removal, toolkit
from maintcli.db.connect import Connection
from maintcli.errors import Code, MaintError, NoOpenSchema, NoToolkitTables, Usage, gravest
from maintcli.output.table import Table, show
from maintcli.runtime.visit import bounded, connected
from maintcli.words import many

_SESSIONS = typer.Option("--sessions", metavar="N", help="How many sessions to make up.")
_SCHEMA = typer.Option(
    "--schema", metavar="NAME", help="The schema to use; made where it is not there."
)
_DROP = typer.Option("--drop", help="Drop the example's tables again; asks first.")
_SEED = typer.Option("--seed", metavar="X", help="From -1 to 1; the same seed makes the same rows.")


@operator("migrate")
def migrate(location: ConfigLocation, *, json: Json = False) -> int | None:
    """Make the toolkit's tables, or bring them up to date; safe to repeat."""
    config = location.read_aloud()
    if location.is_everywhere(config):
        return _in_each(config, _migrate, _migrated, json=json)
    found = _migrate(location.target(config))
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
def check(location: ConfigLocation, *, json: Json = False) -> int | None:
    """Check that maint's tables are there, ours and current, and that this role may use them.

    So are the tables of the enabled jobs. What is missing is given as GRANTs, to be pasted.
    """
    config = location.read_aloud()
    if location.is_everywhere(config):
        return _in_each(
            config, partial(_checked, config), lambda found: [_good(found["schema"])], json=json
        )
    try:
        schema, found = _check(config, location.target(config))
    except MaintError as error:
        _show_check(None, None, error, json=json)
        raise
    lacking = found.error("maint and the enabled jobs need")
    _show_check(schema, found, lacking, json=json)
    if lacking:
        raise lacking
    return None


def _check(config: Config, database: DatabaseConfig) -> tuple[str | None, Survey]:
    with connected(database, "db check") as connection:
        session, schema = bounded(connection), None
        closed = session.closed_schemas
        session.look_into_closed_schemas()
        try:
            schema = toolkit.require(connection, database.schema, section=database.section)
        except (NoToolkitTables, NoOpenSchema):
            found = survey(config, database, session) if closed else None
            if found is not None and found.error("") is not None:
                return None, found
            raise
        return schema, survey(config, database, session)


def _checked(config: Config, database: DatabaseConfig) -> dict[str, Any]:
    schema, found = _check(config, database)
    if lacking := found.error("maint and the enabled jobs need"):
        raise lacking
    return {"schema": schema, "version": toolkit.VERSION}


def _good(schema: str | None) -> str:
    return f"The toolkit's tables in schema {schema} are at version {toolkit.VERSION}, as needed."


def _show_check(
    schema: str | None, found: Survey | None, error: MaintError | None, *, json: bool
) -> None:
    tables = found.tables if found else []
    passed = found.passed if found else {}
    data = {
        "ok": error is None,
        "schema": schema,
        "version": toolkit.VERSION if schema else None,
        "tables": tables,
        "not_checked": passed,
        "message": str(error) if error else "",
        "statements": list(error.statements) if error else [],
    }
    rows = [
        (one["table"], ", ".join(one["needed"]), ", ".join(one["missing"]) or "nothing")
        for one in tables
    ]
    table = Table(("table", "needed", "missing"), rows)
    end = [] if error else [_good(schema)]
    end += [f"The tables of {job} were not checked: {why}" for job, why in passed.items()]
    show(data, lambda: ([table] if rows else []) + end, json=json)
    if error:
        error.in_json = json


@operator("example")
def example(
    location: ConfigLocation,
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
        raise Usage(f"--sessions: {sessions} is too small; it must be at least 0.")
    if not -1 <= seed <= 1:
        raise Usage(f"--seed: {seed:g} is out of range; it must be from -1 to 1.")
    if schema is not None:
        names.check(schema, "--schema")
    config = location.read_aloud()
    with connected(location.target(config), "db example", write=True) as connection:
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
def uninstall(location: ConfigLocation, *, yes: Yes = False, json: Json = False) -> None:
    """Drop maint's own tables, with the run history in them; asks first.

    Any answer but yes changes nothing, and exits with 1. No other table is touched. Archives stay
    where they are; maint restore --from reads them.
    """
    config = location.read_aloud()
    database = location.target(config)
    with connected(database, "db uninstall", write=True) as connection:
        found = _drop(connection, database.schema, removal.TOOLKIT, "maint's tables", yes=yes)
    show(found, lambda: _dropped(found), json=json)


def _drop(
    connection: Connection, schema: str | None, made: removal.Made, what: str, *, yes: bool
) -> dict[str, Any]:
    where = schema or removal.home(connection)
    tables = removal.find(connection, where, made)
    if tables:
        agree(f"Drop {what} in schema {where}: {', '.join(tables)}?", yes=yes)
        tables = removal.drop(connection, where, made, tables)
    return {"schema": where, "dropped": tables}


def _dropped(found: Mapping[str, Any]) -> list[str]:
    tables = found["dropped"]
    if not tables:
        return [f"There is nothing of maint's to drop in schema {found['schema']}."]
    return [
        f"Dropped {many(len(tables), 'table')} in schema {found['schema']}: {', '.join(tables)}."
    ]


def _in_each(
    config: Config,
    act: Callable[[DatabaseConfig], Mapping[str, Any]],
    view: Callable[[Mapping[str, Any]], Sequence[str]],
    *,
    json: bool,
) -> Code:
    """Do something shorter than a run to every database; the gravest code.

    `act` gives what --json shows, `view` makes lines of it.
    """
    found = [_one(config, name, act) for name in databases(config)]
    code = gravest(one["exit_code"] for one in found)
    show(
        {"success": code == Code.OK, "exit_code": int(code), "databases": found},
        lambda: [
            f"{one['database']}: {line}"
            for one in found
            for line in ([one["message"]] if one["message"] else view(one))
        ],
        json=json,
    )
    return code


def _one(
    config: Config, name: str, act: Callable[[DatabaseConfig], Mapping[str, Any]]
) -> dict[str, Any]:
    head = {"database": name, "exit_code": Code.OK, "message": ""}
    try:
        return {**head, **act(config.database(name))}
    except MaintError as error:
        return {**head, "exit_code": error.exit_code, "message": str(error)}


db = group("db", "Make, check and drop maint's own tables.", migrate, check, example, uninstall)
