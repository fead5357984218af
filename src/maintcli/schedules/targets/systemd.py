"""A service and a timer of systemd for each entry.

The service runs as a user of its own that exists while it runs. The database's URL is a credential:
a file that root alone can read, and that systemd hands to the service. Needs systemd 250 or newer.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import PurePosixPath
from typing import Final

from maintcli.config.scheduler import Settings
from maintcli.errors import Code
from maintcli.schedules.due import least_gap
from maintcli.schedules.model import DATABASE_URL, Entry, Note, Rendered
from maintcli.schedules.targets.systemd_calendar import events, lost
from maintcli.schedules.targets.text import header, noted, secret_key
from maintcli.schedules.words import words

_GRACE_SECONDS: Final = 120  # for the start, the last batch, and what is said at the end
_RESTARTS: Final = 2
_SERVICE: Final = """\
{header}
{needs}
[Unit]
Description={summary}
Wants=network-online.target
After=network-online.target
{limit}
[Service]
Type=oneshot
ExecStart={command}
WorkingDirectory=-{folder}
{settings}{secrets}
# The job's own deadline, {timeout} s, comes first.
TimeoutStartSec={start_timeout}
TimeoutStopSec=30
KillMode=mixed
{restart}
DynamicUser=yes
{hardening}"""
_LIMIT: Final = """\
# One start and {restarts} more: then the timer has to start it anew.
StartLimitIntervalSec={interval}
StartLimitBurst={burst}
"""
_RESTART: Final = """\
Restart=on-failure
RestartSec={restart}
# What another start would not mend:
RestartPreventExitStatus={prevented}
"""
_ONCE: Final = """\
# Never started again: what it sends may have arrived, although it failed.
Restart=no
"""
_TIMER: Final = """\
{header}
{notes}
[Unit]
Description={description}

[Timer]
{events}
# What was due while the machine was off is done at its start.
Persistent=true
AccuracySec=1s
RandomizedDelaySec=0

[Install]
WantedBy=timers.target
"""
_HARDENING: Final = """\
CapabilityBoundingSet=
KeyringMode=private
LockPersonality=yes
MemoryDenyWriteExecute=yes
PrivateDevices=yes
PrivateTmp=yes
PrivateUsers=yes
ProcSubset=pid
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome={home}
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
UMask=0077
"""
_FILE: Final = "# Needs {folder}/{name}, which holds {what} and belongs to root (mode 600).\n"
_DAY_MINUTES: Final = 1440
_PLAIN: Final = re.compile(r"[\w@+=:,./-]+", re.ASCII)
_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_HOMES: Final = ("/home", "/root", "/run/user")


def render(entries: Sequence[Entry], settings: Settings) -> Rendered:
    """Two files an entry, and a note for each that no calendar event can say."""
    files: dict[str, str] = {}
    notes: list[Note] = []
    if settings.hidden:
        near = "the nearest is an installation in /opt, with a Python from there"
        notes.append(Note("command", settings.hidden, near))
    for entry in entries:
        found = _events(entry)
        if isinstance(found, Note):
            notes.append(found)
            continue
        name = f"maint-{entry.key}"
        inexact = [*_inexact(entry)]
        notes += inexact
        files[f"{name}.service"] = _service(name, entry, settings)
        files[f"{name}.timer"] = _timer(name, entry, found, inexact)
    return Rendered(files, notes)


def _events(entry: Entry) -> Sequence[str] | Note:
    """What the timer says, or why there is none."""
    if not all(map(_can_say, entry.command)):
        return Note(entry.key, "an option holds a character that systemd takes in no unit")
    found = [events(expression, entry.zone) for expression in entry.expressions]
    if any(one is None for one in found):
        return Note(
            entry.key,
            "its last or nth day (L, W, #) is rendered for no timer",
            "a list of days comes nearest: 28-31, or 1-7 with a weekday",
        )
    return list(chain.from_iterable(filter(None, found)))


def _inexact(entry: Entry) -> Iterator[Note]:
    """What does not come on the days when the clocks change."""
    for expression in entry.expressions:
        clause = lost(expression, entry.zone)
        if clause is not None:
            what = f"{expression!r} in {entry.zone}: {clause}"
            yield Note(entry.key, what, 'the nearest is another hour, or timezone = "UTC"')


def _service(name: str, entry: Entry, settings: Settings) -> str:
    env_file = _plain(settings.variables)
    folder = str(PurePosixPath(env_file or "/etc/maint/env").parent)
    return _SERVICE.format(
        header=header(f"{name}.service", "systemd"),
        summary=_plain(entry.summary or f"maint {entry.job}"),
        folder=folder,
        needs=_needs(entry, folder, env_file),
        limit=_limit(entry) if entry.repeatable else "",
        settings=_settings(settings.config_file),
        secrets=_credentials(entry, folder, env_file),
        command=_command_line([settings.command, *entry.command]),
        timeout=round(entry.timeout_seconds),
        start_timeout=round(entry.timeout_seconds) + _GRACE_SECONDS,
        restart=_restart(entry) if entry.repeatable else _ONCE,
        hardening=_HARDENING.format(
            home="read-only" if any(map(is_below_home, _paths(settings))) else "yes"
        ),
    )


def _settings(path: str) -> str:
    """The line that names the file; one in the file of variables is stronger."""
    return f"Environment={_quoted(f'MAINT_CONFIG={path}')}\n" if path else ""


def _paths(settings: Settings) -> tuple[str, str]:
    return settings.command, settings.config_file


def _needs(entry: Entry, folder: str, env_file: str) -> str:
    """A line for each file that must be there, and one for variables that no credential can be."""
    lines = [
        _FILE.format(
            folder=folder,
            name=secret_key(name),
            what="the database's URL" if name == DATABASE_URL else name,
        )
        for name in entry.secrets
    ]
    if entry.variables:
        lines.append(f"# Needs in {env_file or 'its environment'}: {', '.join(entry.variables)}.\n")
    return "".join(lines)


def _credentials(entry: Entry, folder: str, env_file: str) -> str:
    """Secrets as credentials, and further variables from a file."""
    names = [(name, secret_key(name)) for name in entry.secrets]
    lines = [f"Environment={variable}=file:%d/{name}" for variable, name in names]
    lines += [f"EnvironmentFile=-{env_file}"] if env_file else []
    lines += [f"LoadCredential={name}:{folder}/{name}" for _, name in names]
    return "".join(f"{line}\n" for line in lines)


def _limit(entry: Entry) -> str:
    interval, _ = _pace(entry)
    return _LIMIT.format(restarts=_RESTARTS, interval=interval, burst=_RESTARTS + 1)


def _restart(entry: Entry) -> str:
    _, restart = _pace(entry)
    prevented = " ".join(str(int(code)) for code in Code if code.systemd == "prevent")
    return _RESTART.format(restart=restart, prevented=prevented)


def _pace(entry: Entry) -> tuple[int, int]:
    """Seconds in which starts are counted, and those before a restart.

    Long enough for each start to take its whole timeout, but shorter than the time to the next
    regular start, which would be counted as well and refused.
    """
    period = 60 * min(least_gap(entry) or _DAY_MINUTES, _DAY_MINUTES)
    restart = 30 if period >= 300 else 5
    whole = (_RESTARTS + 1) * (round(entry.timeout_seconds) + _GRACE_SECONDS + restart)
    return max(min(whole, period * 9 // 10), 1), restart


def _timer(name: str, entry: Entry, found: Sequence[str], notes: Iterable[Note]) -> str:
    return _TIMER.format(
        notes=noted(notes),
        header=header(f"{name}.timer", "systemd"),
        description=_plain(f"{entry.key}: {words(entry.expressions, entry.zone)}"),
        events="\n".join(f"OnCalendar={event}" for event in dict.fromkeys(found)),
    )


def is_below_home(path: str) -> bool:
    """Whether ProtectHome=yes hides `path`."""
    return any(PurePosixPath(path).is_relative_to(home) for home in _HOMES)


def _plain(text: str) -> str:
    """A value on one line, without what is not printable, and with nothing to fill in."""
    line = " ".join(text.split()).replace("%", "%%")
    return "".join(c if c.isprintable() else "?" for c in line)


def _can_say(word: str) -> bool:
    """Whether a unit may hold `word`: one with a noncharacter of Unicode is no UTF-8 to systemd."""
    return not any(c == "\0" or _is_noncharacter(ord(c)) for c in word)


def _is_noncharacter(code: int) -> bool:
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF


def _command_line(words: Sequence[str]) -> str:
    """A command line for ExecStart=, where `%` and `$` have a meaning."""
    return " ".join(_quoted(word).replace("$", "$$") for word in words)


def _quoted(word: str) -> str:
    """A word of a value that is split at blanks, and where `%` has a meaning."""
    if _PLAIN.fullmatch(word):
        return word
    text = "".join(_ESCAPES.get(c, f"\\x{ord(c):02x}" if ord(c) < 32 else c) for c in word)
    return '"' + text.replace("%", "%%") + '"'
