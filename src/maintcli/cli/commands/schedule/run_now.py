"""maint schedule run-now"""

from typing import Annotated

import typer

from maintcli.cli import scheduler_cli
from maintcli.cli.declared import declared
from maintcli.cli.location import ConfigLocation
from maintcli.cli.operator import operator
from maintcli.cli.options import checked_words
from maintcli.cli.render_options import RenderOptions
from maintcli.cli.scheduled import find
from maintcli.config.messages import bare
from maintcli.errors import Usage
from maintcli.output.out import put
from maintcli.schedules.targets.kubernetes import job as kubernetes

_ENTRY = typer.Argument(metavar="ENTRY", help="A job, or an entry of [[schedules]].")
_WORDS = typer.Argument(metavar="OPTION", help="After --: its options, instead of those it has.")
_ONCE = typer.Option("--target", metavar="kubernetes", help="Only Kubernetes needs this.")
_DEPLOYED = typer.Option(
    "--deployed",
    metavar="FILE|-",
    help="Make it of the CronJob as it is: what `kubectl get cronjob NAME -o json` prints.",
)


@operator("run-now")
def run_now(
    location: ConfigLocation,
    given: RenderOptions,
    *,
    entry: Annotated[str, _ENTRY],
    words: Annotated[list[str] | None, _WORDS] = None,
    target: Annotated[str, _ONCE] = "kubernetes",
    deployed: Annotated[str | None, _DEPLOYED] = None,
) -> None:
    """Print a Job that runs an entry once, now, with other options: for `kubectl create -f -`.

    `kubectl create job --from=cronjob/…` takes no arguments.
    """
    if target != "kubernetes":
        raise Usage(
            f"--target {bare(target)}: only Kubernetes needs a Job for that; elsewhere call"
            " maint itself."
        )
    config = location.read_aloud()
    found = find(config, entry)
    options = (*checked_words(declared(config)[found.job].job, words or ()),)
    if location.database is not None:
        options = ("--database", location.database, *options)
    if deployed is None:
        put(kubernetes.one_off(found, options, given.settings(config)))
    else:
        (text,) = scheduler_cli.read([deployed]).values()
        put(kubernetes.from_deployed(text, found, options))
