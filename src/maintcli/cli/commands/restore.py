"""maint restore"""

from dataclasses import asdict
from typing import Annotated

import typer

from maintcli.cli.location import ConfigLocation, Loudness
from maintcli.cli.operator import Json, operator
from maintcli.cli.run import run_job
from maintcli.engines.restore.restore import JOB
from maintcli.errors import Usage

_RUN = typer.Argument(metavar="RUN", help="The run's id, or enough of its beginning.")
_TABLE = typer.Option("--table", metavar="TABLE", help="Only the rows and links of this table.")
_FROM = typer.Option(
    "--from",
    metavar="DIR|URL",
    help="Where the archive is now, if it was moved, or if the ledger has no such run.",
)
_DRY = typer.Option("--dry-run", "-n", help="Show what would go back, and change nothing.")
_TIMEOUT = typer.Option(
    "--timeout", metavar="DURATION", help="Stop by then; what went back stays.  [default: 6h]"
)
_NO_LEDGER = typer.Option(
    "--no-ledger",
    help="Restore without the toolkit's tables: no lease, no history. Needs --from.",
)


@operator("restore")
def restore(  # noqa: PLR0913  one for each option
    location: ConfigLocation,
    loudness: Loudness,
    *,
    run: Annotated[str, _RUN],
    table: Annotated[str | None, _TABLE] = None,
    moved: Annotated[str | None, _FROM] = None,
    dry_run: Annotated[bool, _DRY] = False,
    timeout: Annotated[str | None, _TIMEOUT] = None,
    no_ledger: Annotated[bool, _NO_LEDGER] = False,
    json: Json = False,
) -> int:
    """Put back the rows that a run archived and removed.

    Rows that are there already stay as they are; a restore may be repeated. It is a run of its own
    in the ledger, under the name restore.
    """
    given = {
        **asdict(location),
        **asdict(loudness),
        "run": run,
        "table": table,
        "from": moved,
        "dry_run": dry_run or None,
        "timeout": timeout,
        "no_ledger": no_ledger or None,
        "if_locked": "fail",
        "json": json,
    }
    if location.is_everywhere(location.read()):
        raise Usage("A run belongs to one database; name it: --database NAME.")
    return run_job(JOB, given)
