"""A service and a timer of systemd for each entry.

The service runs as a user of its own that exists while it runs. The database's URL is a credential:
a file that root alone can read, and that systemd hands to the service. Needs systemd 250 or newer.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import PurePosixPath
from typing import Final

from maintcli.errors import Code
from maintcli.schedules.calendar import events, lost
from maintcli.schedules.entry import Entry, Found, Note, Rendered, Settings
from maintcli.schedules.targets import credentials, unit
from maintcli.schedules.targets.comments import noted
from maintcli.schedules.targets.header import header
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
{hardening}
[X-Maint]
Key={raw_key}
"""
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
# Never started again: what it sends may have arrived, though it ended otherwise.
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

[X-Maint]
Key={raw_key}
Zone={zone}
{schedules}
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
_FILE: Final = re.compile(r"^# (/\S+\.(?:service|timer))$", re.MULTILINE)


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
    if not all(map(unit.can_say, entry.command)):
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
    env_file = unit.plain(settings.env_file)
    folder = str(PurePosixPath(env_file or "/etc/maint/env").parent)
    return _SERVICE.format(
        header=header(f"{name}.service", "systemd"),
        raw_key=entry.key,
        summary=unit.plain(entry.summary or f"maint {entry.job}"),
        folder=folder,
        needs=credentials.comments(entry, folder, env_file),
        limit=_limit(entry) if entry.repeatable else "",
        settings=_settings(settings.config_file),
        secrets=credentials.settings(entry, folder, env_file),
        command=unit.command([settings.command, *entry.command]),
        timeout=round(entry.timeout_seconds),
        start_timeout=round(entry.timeout_seconds) + _GRACE_SECONDS,
        restart=_restart(entry) if entry.repeatable else _ONCE,
        hardening=_HARDENING.format(
            home="read-only" if any(map(unit.is_below_home, _paths(settings))) else "yes"
        ),
    )


def _settings(path: str) -> str:
    """The line that names the file; one in the file of variables is stronger."""
    return f"Environment={unit.quoted(f'MAINT_CONFIG={path}')}\n" if path else ""


def _paths(settings: Settings) -> tuple[str, str]:
    return settings.command, settings.config_file


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
    period = unit.shortest_gap(entry.expressions)
    restart = 30 if period >= 300 else 5
    whole = (_RESTARTS + 1) * (round(entry.timeout_seconds) + _GRACE_SECONDS + restart)
    return max(min(whole, period * 9 // 10), 1), restart


def _timer(name: str, entry: Entry, found: Sequence[str], notes: Iterable[Note]) -> str:
    return _TIMER.format(
        notes=noted(notes),
        header=header(f"{name}.timer", "systemd"),
        raw_key=entry.key,
        description=unit.plain(f"{entry.key}: {words(entry.expressions, entry.zone)}"),
        events="\n".join(f"OnCalendar={event}" for event in dict.fromkeys(found)),
        zone=entry.zone,
        schedules="\n".join(f"Schedule={expression}" for expression in entry.expressions),
    )


def parse(files: Mapping[str, str]) -> list[Found]:
    """Each timer with its service; `systemctl cat` may have put several of them into one text.

    A timer whose events are not those of its schedule has these for expressions: `OnCalendar=…`.
    """
    known = dict(chain.from_iterable(units(path, text) for path, text in files.items()))
    found: list[Found] = []
    for path, text in known.items():
        if path.endswith(".timer"):
            service = known.get(f"{path.removesuffix('.timer')}.service", "")
            found.append(_found(path, text, service))
    return found


def units(path: str, text: str) -> list[tuple[str, str]]:
    """The units in a text by their file names. systemctl writes the path over each, and over each
    drop-in, which counts as further lines of its unit.
    """
    pieces = _FILE.split(text)
    if len(pieces) == 1:
        return [(PurePosixPath(path).name, text)]
    return [
        (PurePosixPath(name).name, body)
        for name, body in zip(pieces[1::2], pieces[2::2], strict=True)
    ]


def _found(path: str, timer: str, service: str) -> Found:
    name = PurePosixPath(path).name.removesuffix(".timer")
    zone = (*unit.values(timer, "Zone"), "UTC")[0]
    expressions = unit.values(timer, "Schedule")
    rendered = [events(expression, zone) or () for expression in expressions]
    actual = unit.values(timer, "OnCalendar")
    if tuple(dict.fromkeys(chain.from_iterable(rendered))) != actual:
        expressions = tuple(f"OnCalendar={event}" for event in actual)
    job, *options = unit.words((*unit.values(service, "ExecStart"), "maint ?")[0])[1:] or ["?"]
    key = (*unit.values(timer, "Key"), name.removeprefix("maint-"))[0]
    return Found(key, job, expressions, zone, tuple(options))
