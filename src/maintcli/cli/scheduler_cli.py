"""What a scheduler has: asked of its own tool, or read from a file with the output of that tool."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from errno import ENOENT
from pathlib import Path
from typing import Final, NamedTuple, cast

from maintcli.config.messages import bare, mask, quote
from maintcli.config.scheduler import Settings
from maintcli.errors import ConfigError, MissingPrivilege, Unreachable, Usage
from maintcli.runtime.log import printable
from maintcli.schedules.check.deployed import ENABLED
from maintcli.schedules.targets.github import FILE

Texts = Mapping[str, str]

_MOST_CHARACTERS: Final = 16_000_000
_SYSTEM: Final = Path("/etc/cron.d")
_REPOSITORY: Final = "repos/{owner}/{repo}"
_SHOWN: Final = "--property=Id,ActiveState,UnitFileState"


def ask(target: str, rendered: Iterable[str], settings: Settings) -> Texts:
    """What the tool of `target` prints; `rendered` are the names of its files.

    Raises Usage where there is none, ConfigError, and Unreachable.
    """
    if target not in _TOOLS:
        raise Usage(
            f"--ask: {bare(target)} has no tool that prints a schedule; check its files, or"
            " hand over a copy: --deployed FILE."
        )
    return _TOOLS[target](list(rendered), settings)


def read(places: Iterable[str]) -> Texts:
    """The output of that tool, from files or standard input. Raises Usage."""
    return {place: _read(place) for place in places}


def _read(place: str) -> str:
    try:
        if place == "-":
            return sys.stdin.read(_MOST_CHARACTERS)
        with Path(place).open(encoding="utf-8") as file:
            return file.read(_MOST_CHARACTERS)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise Usage(f"--deployed: {quote(place)} cannot be read: {reason}.") from None


def _crontab(_rendered: list[str], _settings: Settings) -> Texts:
    """The user's own, and those of the system that cron would read."""
    said = run_tool("crontab", "-l")
    if said.code and "no crontab for" not in said.err:
        raise no_answer(["crontab", "-l"], said.reason)
    return {"crontab -l": said.out, **dict(_of_the_system())}


def _of_the_system() -> Iterator[tuple[str, str]]:
    for path in (Path("/etc/crontab"), *_listed()):
        # Cron passes over other names, such as those with a dot.
        if path.is_file() and path.name.replace("-", "").replace("_", "").isalnum():
            yield str(path), _system_text(path)


def _listed() -> list[Path]:
    try:
        return sorted(_SYSTEM.iterdir()) if _SYSTEM.is_dir() else []
    except OSError as error:  # some systems let root alone look into it
        raise MissingPrivilege(f"{_SYSTEM} cannot be read: {error.strerror}.") from None


def _system_text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_MOST_CHARACTERS)
    except OSError as error:
        raise MissingPrivilege(f"{path} cannot be read: {error.strerror}.") from None


def _kubernetes(_rendered: list[str], settings: Settings) -> Texts:
    namespace = ["--namespace", settings.namespace] if settings.namespace else []
    command = ("kubectl", *namespace, "get", "cronjobs", "--output", "json")
    text = output_of(*command)
    _ = _object(text, command)
    return {" ".join(command): text}


def _systemd(rendered: list[str], _settings: Settings) -> Texts:
    """Every unit that is called as ours are, and which of them are on."""
    listed = run_tool(
        "systemctl", "list-unit-files", "--no-legend", "--no-pager", "--plain", "maint-*"
    )
    if listed.code and listed.err.strip():
        raise no_answer(["systemctl", "list-unit-files"], listed.reason)
    lines = [line.split() for line in listed.out.splitlines() if line.strip()]
    names = [line[0] for line in lines if line[0].startswith("maint-")]
    if not names:
        return {"systemctl cat": ""}
    timers = [name for name in names if name in rendered and name.endswith(".timer")]
    texts = {"systemctl cat": output_of("systemctl", "--no-pager", "cat", *names)}
    if timers:
        texts["systemctl show"] = output_of("systemctl", "--no-pager", "show", _SHOWN, *timers)
    return texts


def _github(_rendered: list[str], _settings: Settings) -> Texts:
    """The state of the workflow, its file on the default branch, and whether it is switched on."""
    state = _api(f"{_REPOSITORY}/actions/workflows/{FILE}")
    if state is None:
        return {"gh api": json.dumps({"state": "deleted"})}
    contents = _api(f"{_REPOSITORY}/contents/.github/workflows/{FILE}")
    texts = {"gh api workflows": state, "gh api contents": contents or ""}
    return texts | {"gh api variables": _enabled()}


def _enabled() -> str:
    """The variable of the repository, or of its organisation, which has one for several."""
    own, shared = f"variables/{ENABLED}", "organization-variables?per_page=30"
    try:
        found = _api(f"{_REPOSITORY}/actions/{own}") or _api(f"{_REPOSITORY}/actions/{shared}")
    except Unreachable as error:  # a token that may read workflows need not read variables
        return json.dumps({"name": ENABLED, "unknown": str(error).rstrip(".")})
    return found or json.dumps({"name": ENABLED, "value": None})


def _api(path: str) -> str | None:
    """What GitHub answers; None where it has no such thing."""
    command = ("gh", "api", path)
    said = run_tool(*command)
    if said.code and "HTTP 404" in said.err:
        return None
    if said.code:
        raise no_answer(command, said.reason)
    _ = _object(said.out, command)
    return said.out


def _object(text: str, command: Sequence[str]) -> dict[str, object]:
    """The JSON object that a tool was asked for."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise no_answer(command, "what it printed is no JSON object")
    return cast("dict[str, object]", found)


_TOOLS: Final[dict[str, Callable[[list[str], Settings], Texts]]] = {
    "crontab": _crontab,
    "github": _github,
    "kubernetes": _kubernetes,
    "systemd": _systemd,
}


SECONDS: Final = 30.0
_MOST_BYTES: Final = 16 * 1024 * 1024
_LONGEST: Final = 200
_ENVIRONMENT: Final = {"LC_ALL": "C.UTF-8", "GH_PROMPT_DISABLED": "1", "NO_COLOR": "1"}


class Said(NamedTuple):
    """How it ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def reason(self) -> str:
        """The last line of its complaint, in which tools say what is wrong."""
        lines = [line.strip() for line in self.err.splitlines() if line.strip()]
        last = printable(mask(lines[-1])).rstrip(".?!") if lines else f"it ended with {self.code}"
        return f"{last[:_LONGEST]}…" if len(last) > _LONGEST else last


def run_tool(*command: str, seconds: float = SECONDS) -> Said:
    """Run `command` to its end.

    Raises ConfigError where it is not installed, Unreachable where it takes longer or prints too
    much.
    """
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(  # noqa: S603 - the names of tools are ours
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **_ENVIRONMENT},
                start_new_session=True,  # no terminal to ask on; and all its children can be ended
            )
        except OSError as error:
            reason = "it is not installed" if error.errno == ENOENT else error.strerror
            raise ConfigError(
                f"{command[0]} is needed for that and cannot be run: {reason}. Install it, or hand"
                " over what it prints elsewhere: --deployed FILE."
            ) from None
        out = _read_pipe(process, command, seconds)
        errors.seek(0)
        return Said(process.returncode, _decoded(out), _decoded(errors.read(_MOST_BYTES)))


def _read_pipe(process: subprocess.Popen[bytes], command: Sequence[str], seconds: float) -> bytes:
    late = threading.Event()

    def end() -> None:
        late.set()
        _kill(process)

    timer = threading.Timer(seconds, end)
    timer.start()
    try:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        with process.stdout as pipe:
            out = pipe.read(_MOST_BYTES + 1)
        if len(out) <= _MOST_BYTES:
            process.wait()
    finally:
        timer.cancel()
        _kill(process)
    if late.is_set():
        raise no_answer(command, f"it took longer than {seconds:g} s")
    if len(out) > _MOST_BYTES:
        raise no_answer(command, "it printed more than 16 MiB")
    return out


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(OSError):  # it and its children have ended
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def no_answer(command: Sequence[str], reason: str) -> Unreachable:
    """The error for a command that gives no answer."""
    return Unreachable(f"The command {' '.join(command)!r} did not answer: {reason}.")


def output_of(*command: str) -> str:
    """What it prints, which must succeed. Raises ConfigError and Unreachable."""
    said = run_tool(*command)
    if said.code:
        raise no_answer(command, said.reason)
    return said.out


def _decoded(data: bytes) -> str:
    return data.decode(errors="replace")
