"""A workflow as GitHub has it."""

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from maintcli.config.messages import quote
from maintcli.config.scheduler import BY_HAND, Settings
from maintcli.schedules.check.files import Finding, Kind, compare
from maintcli.schedules.targets.github import FILE

ENABLED: Final = "MAINT_ENABLED"
_WHY: Final = {
    "deleted": "GitHub has no such workflow; it must be on the default branch",
    "disabled_inactivity": "GitHub disabled its schedules after 60 days without a commit;"
    f" gh workflow enable {FILE}",
    "disabled_manually": f"it was disabled by hand; gh workflow enable {FILE}",
    "disabled_fork": f"it is disabled because the repository is a fork; gh workflow enable {FILE}",
}


def check(
    rendered: Mapping[str, str], texts: Mapping[str, str], settings: Settings
) -> Iterator[Finding]:
    """`texts` are the file itself, or what `gh api` prints of the workflow or of MAINT_ENABLED.

    Raises ValueError for JSON that is none of these.
    """
    for text in texts.values():
        if text.lstrip().startswith("{"):
            yield from _answer(rendered, _read(text), starts=settings.start != BY_HAND)
        else:
            yield from _file(rendered, text)


def _read(text: str) -> dict[str, Any]:
    try:
        return cast("dict[str, Any]", json.loads(text))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _answer(
    rendered: Mapping[str, str], found: dict[str, Any], *, starts: bool
) -> Iterator[Finding]:
    """`starts`: something is scheduled there, so that MAINT_ENABLED matters."""
    if "content" in found:
        yield from _file(rendered, b64decode(str(found["content"])).decode(errors="replace"))
    elif "state" in found or isinstance(found.get("workflows"), list):
        yield from _state(found) if rendered else ()
    elif found.get("name") == ENABLED or isinstance(found.get("variables"), list):
        yield from _enabled(found) if rendered and starts else ()
    else:
        raise ValueError(
            "it is neither a workflow nor its state; give what"
            f" `gh api repos/{{owner}}/{{repo}}/actions/workflows/{FILE}` prints"
        )


def _file(rendered: Mapping[str, str], text: str) -> Iterator[Finding]:
    if rendered:
        yield from compare(rendered, {FILE: text.replace("\r\n", "\n")}, {})
    elif text:
        yield Finding(Kind.FOREIGN, FILE, "it is there, and no job is declared")


def _listed(found: object, key: str, name: str) -> dict[str, Any]:
    """The one of a list whose `key` ends in `name`."""
    for one in cast("list[object]", found):
        if isinstance(one, dict) and str(cast("dict[str, Any]", one).get(key)).endswith(name):
            return cast("dict[str, Any]", one)
    return {}


def _state(found: dict[str, Any]) -> Iterator[Finding]:
    if "workflows" in found:
        found = {"state": "deleted"} | _listed(found["workflows"], "path", f"/{FILE}")
    state = str(found["state"])
    if state != "active":
        kind = Kind.MISSING if state == "deleted" else Kind.OFF
        yield Finding(kind, FILE, _WHY.get(state, f"its state is {quote(state)}"))


def _enabled(found: dict[str, Any]) -> Iterator[Finding]:
    if "variables" in found:
        found = _listed(found["variables"], "name", ENABLED)
    if "unknown" in found:
        yield Finding(Kind.NOTED, FILE, f"whether {ENABLED} is true is unknown: {found['unknown']}")
    elif found.get("value") != "true":
        said = quote(found["value"]) if found.get("value") is not None else "not set"
        yield Finding(
            Kind.OFF,
            FILE,
            f"the variable {ENABLED} is {said}, so every scheduled job is skipped;"
            f" gh variable set {ENABLED} --body true",
        )
