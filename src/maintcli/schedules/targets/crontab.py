"""A crontab: of a user, or with a user in each line for /etc/cron.d.

Debian's cron has no zones (CRON_TZ is another cron's), so all times are in the clock of the
machine. `%` ends a command for cron, unless a backslash is before it.
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from maintcli.config.scheduler import Settings
from maintcli.schedules.fields import is_special, normal
from maintcli.schedules.model import Entry, Note, Rendered
from maintcli.schedules.targets.text import comment, further, header, held
from maintcli.schedules.words import words
from maintcli.schedules.zones import shifted

FILE: Final = "crontab.example"
SYSTEM_FILE: Final = "maint.cron"  # a dot keeps cron from reading it unless it is renamed

_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
_OWNED: Final = """\
# maint under cron. Install it as the user that the jobs shall run as, in place of that user's
# crontab:  crontab {file}    (or add its lines to the present one:  crontab -e)
"""
_SYSTEM: Final = """\
# maint under cron. Install it for the whole system, as root, under a name without a dot:
#   install -m 644 {file} /etc/cron.d/maint
"""
_HEAD: Final = """\
#
# Cron tells a job little, so every path is written out:
#   {command}  the command; another is named by --command, or by command
#   {blank}  under [schedule] in maint.toml
{variables}{settings}#
# With --quiet nothing is said on success, so that a mail means trouble. It goes to the user, or to
# whom a line such as MAILTO=ops@example.com names. A run that is still going on when the next is
# due makes that one end at once, with nothing done.
#
{header}
# All times are {zone}, which must be the clock of the machine.
"""
_VARIABLES: Final = """\
#   {env_file}  the variables, above all DATABASE_URL=postgresql://…; it belongs to that
#   {blank}  user and has mode 600, since it holds a password
"""
_SETTINGS: Final = """\
#   {config_file}  the settings that this was rendered from, or a copy of them
"""
_NO_SETTINGS: Final = """\
# There are no settings; once there is a maint.toml, render this anew.
"""
_MOST_BYTES: Final = 998  # of a line; a longer one stops every job of the file
_KEY: Final = re.compile(r"# ([\w.-]+): ")
_ASSIGNMENT: Final = re.compile(r"\s*[A-Za-z_]\w*\s*=")


def render(entries: Sequence[Entry], settings: Settings) -> Rendered:
    """One file, and a note for each entry whose times cannot be expressed in this zone."""
    notes: list[Note] = []
    blocks = [_block(entry, settings, notes) for entry in entries]
    lines = [_head(entries, settings), "SHELL=/bin/sh", f"PATH={_PATH}"]
    if settings.mailto:
        lines.append(f"MAILTO={settings.mailto}")
    return Rendered({_file(settings): "\n".join([*lines, *blocks, ""])}, notes)


def _file(settings: Settings) -> str:
    return SYSTEM_FILE if settings.user else FILE


def _head(entries: Sequence[Entry], settings: Settings) -> str:
    widest = max(map(len, (settings.command, settings.variables, settings.config_file)))
    values = {
        "file": _file(settings),
        "command": settings.command.ljust(widest),
        "env_file": settings.variables.ljust(widest),
        "config_file": settings.config_file.ljust(widest),
        "blank": " " * widest,
        "zone": settings.zone,
        "header": header(_file(settings), "crontab"),
    }
    variables = _VARIABLES.format(**values) if settings.variables else ""
    where = "That file holds" if settings.variables else "The environment holds"
    variables += held(where, further(entries))
    said = (_SETTINGS if settings.config_file else _NO_SETTINGS).format(**values)
    install = _SYSTEM if settings.user else _OWNED
    return f"{install}{_HEAD}".format(**values, variables=variables, settings=said)


def _block(entry: Entry, settings: Settings, notes: list[Note]) -> str:
    found = _times(entry, settings)
    if isinstance(found, Note):
        notes.append(found)
        return f"\n# left out: {found}"
    said = comment(f"{entry.key}: {words(entry.expressions, entry.zone)}. {entry.summary}")
    for words_ in (entry.command, entry.short_command):
        command = _command(words_, settings)
        lines = [f"{times} {command}" for times in found]
        if all(len(line.encode()) <= _MOST_BYTES for line in lines):
            return "\n".join([f"\n{said}", *lines])
    what = f"its line is longer than {_MOST_BYTES} bytes, for which cron refuses the whole file"
    notes.append(note := Note(entry.key, what, "the nearest is a shorter path of the command"))
    return f"\n# left out: {note}"


def _times(entry: Entry, settings: Settings) -> tuple[str, ...] | Note:
    """The first five columns, or why there are none."""
    if any(not word.isprintable() for word in entry.command):
        return Note(entry.key, "an option holds a line break, which ends a line of a crontab")
    if any(is_special(expression) for expression in entry.expressions):
        return Note(
            entry.key,
            "cron knows no last or nth day (L, W, #)",
            "a list of days comes nearest: 28-31, or 1-7",
        )
    lines = [shifted(one, entry.zone, settings.zone) for one in entry.expressions]
    if any(line is None for line in lines):
        return Note(
            entry.key,
            f"its times in {entry.zone} cannot be written in a crontab in {settings.zone}, and"
            " Debian's cron has no CRON_TZ",
            f'have timezone = "{settings.zone}", for it or under [schedule] for all, or let systemd'
            " start it",
        )
    return tuple(one for line in lines for one in line or ())


def _command(words_: Sequence[str], settings: Settings) -> str:
    paths = {"--config": settings.config_file, "--env-file": settings.variables}
    own = ["--quiet", *(word for flag, path in paths.items() if path for word in (flag, path))]
    # Before the entry's options, which may say another file: the last one counts.
    job, *options = words_
    command = shlex.join([settings.command, job, *own, *options]).replace("%", r"\%")
    return f"{settings.user} {command}" if settings.user else command


class Line(NamedTuple):
    """A line of a crontab that starts maint."""

    key: str  # in the comment above it; without one, the job
    when: str  # the first five columns
    words: tuple[str, ...]  # after `maint`, without what rendering puts before the options
    text: str  # with single blanks


def lines(text: str) -> Iterator[Line]:
    """Every line that starts a command called `maint`; those of others are left out."""
    key = ""
    for line in text.splitlines():
        if not line.strip():
            key = ""
        elif line.startswith("#"):
            match = _KEY.match(line)
            key = match[1] if match else ""
        elif not _ASSIGNMENT.match(line):
            when, words_ = _split(line)
            if words_:
                yield Line(key or words_[0], when, _without(words_), " ".join(line.split()))


def _split(line: str) -> tuple[str, tuple[str, ...]]:
    """The five columns, and the words after `maint`; none where the command is another."""
    *columns, rest = line.split(None, 5) if len(line.split(None, 5)) == 6 else ("",)
    try:
        words_ = shlex.split(rest.replace(r"\%", "%"))
    except ValueError:
        return "", ()
    for place in (1, 0):  # the second one where the first is a user, who may be called maint, too
        if PurePosixPath("".join(words_[place : place + 1])).name == "maint":
            return _normal(" ".join(columns)), tuple(words_[place + 1 :])
    return "", ()


def _normal(columns: str) -> str:
    try:
        return normal(columns)
    except ValueError:  # written by hand, and no cron expression
        return columns


def _without(words_: tuple[str, ...]) -> tuple[str, ...]:
    """`words_` without what rendering put between the job and its options."""
    job, *options = words_
    if options[:1] == ["--quiet"]:
        options = options[1:]
    for flag in ("--config", "--env-file"):
        if options[:1] == [flag]:
            options = options[2:]
    return (job, *options)
