"""maint schedule: when jobs are due, and the same for a scheduler."""

from maintcli.cli.commands.schedule.check import check
from maintcli.cli.commands.schedule.next import next_
from maintcli.cli.commands.schedule.render import render
from maintcli.cli.commands.schedule.run_now import run_now
from maintcli.cli.operator import group

schedule = group(
    "schedule",
    "Show when jobs are due, and write and check it for a scheduler.",
    next_,
    render,
    check,
    run_now,
)
