"""maint show"""

from typing import Annotated

import typer

from maintcli.cli.operator import Json, operator
from maintcli.cli.place import Place
from maintcli.present import runs as present
from maintcli.present.show import show as display
from maintcli.runtime.history import find, together
from maintcli.runtime.visit import toolkit_tables
from maintcli.runtime.whole import wholes

_RUN = typer.Argument(metavar="RUN", help="The run's id, or enough of its beginning.")


@operator("show")
def show(place: Place, *, run: Annotated[str, _RUN], json: Json = False) -> None:
    """Show all that the ledger holds of one run.

    Of one that shared its work, all parts are shown.
    """
    config = place.read_aloud()
    with toolkit_tables(place.target(config), "show") as (session, schema):
        (found,) = wholes(together(session, schema, find(session, schema, run)))
    display(present.data(found), lambda: present.view_one(found), json=json)
