"""docs/coverage.md names nothing of maint that is not there, and plans nothing that is."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest

from maintcli import api
from tests.parts.backend import backend, reply
from tests.parts.inside import Inside

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tools"))

from manual import spoken  # noqa: E402  as tools/docs.py finds it
from manual.tree import nodes  # noqa: E402

Conn = psycopg.Connection[tuple[Any, ...]]
CODE = re.compile(r"`([^`]+)`")
SETTING = re.compile(r"(?:(\[.+?\]\]?) )?([\w-]+) = (.+)")
VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
RULE = {"table": '"a"', "column": '"b"', "keep": '"1d"'}
NEEDED = {  # what a section must hold beside the key of which the page speaks
    "triggers": {"url": '"https://backend/"', "auth": '"cron-secret"'},
    "sweeps": RULE,
    "retention": RULE,
    "schedules": {"name": '"a"', "job": '"cleanup-sessions"', "schedule": '"0 0 * * *"'},
}


class Cell(NamedTuple):
    """The words in backticks of a middle column: what is there, and what is planned."""

    there: list[str]
    planned: list[str]


def cells(text: str) -> Iterator[Cell]:
    """Of every row of every table. Raises ValueError for one that has not three columns."""
    for line in filter(lambda line: line.startswith("|"), text.splitlines()):
        _, _, middle, _, _ = re.split(r"(?<!\\)\|", line)
        there, _, planned = middle.partition("planned")
        yield Cell(CODE.findall(there), CODE.findall(planned))


def is_read(variable: str, inside: Inside) -> bool:
    """Whether it is the variable of a setting, which may not be blank, or a constant of maint."""
    if f"{variable} is blank" in inside("config", "show", env={variable: ""}).err:
        return True
    source = (path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py"))
    return any(f'"{variable}"' in text for text in source)


def exists(name: str, inside: Inside) -> bool:
    """Whether `name` is a command, or a group of them, a variable, or a name of maintcli.api."""
    words = tuple(name.split())
    if VARIABLE.fullmatch(name):
        return is_read(name, inside)
    return name in api.__all__ or any(node.words[: len(words)] == words for node in nodes())


def refused(inside: Inside, setting: re.Match[str]) -> str:
    """What maint has against a maint.toml with this setting; nothing where it accepts it."""
    header, key, value = setting.groups()
    kind = (header or "").strip("[]").partition(".")[0]
    name = "cleanup-sessions" if kind == "jobs" else "a-name"
    keys = {**NEEDED.get(kind, {}), key: value}
    lines = [header.replace("NAME", name)] if header else []
    lines += [f"{key} = {value}" for key, value in keys.items()]
    (inside.folder / "maint.toml").write_text("\n".join(lines))
    result = inside("config", "show")
    (inside.folder / "maint.toml").unlink()
    return "" if result.code == 0 else result.err


def untrue(text: str, inside: Inside, said: str) -> Iterator[str]:
    """Each word of the page's middle columns that is not so; `said` is what runs have said."""
    page = inside.folder / "page.md"
    page.write_text(text)
    yield from spoken.wrong(page, "page.md")
    page.unlink()
    for there, planned in cells(text):
        yield from (f"{word} exists" for word in planned if exists(word, inside))
        for word in there:
            if word.startswith("maint "):
                continue
            if setting := SETTING.fullmatch(word):
                if reason := refused(inside, setting):
                    yield f"{word}: {reason}"
            elif word.startswith("[") or VARIABLE.fullmatch(word):
                if not is_read(word, inside):
                    yield f"{word} is not read"
            elif word not in said and word not in api.__all__:
                yield f"{word} is never said"


@pytest.fixture
def said(inside: Inside, conn: Conn) -> str:
    """The output of the commands whose output the page describes, and the files they write."""
    conn.execute(
        "INSERT INTO active_sessions (session_id, access_key, last_heartbeat)"
        " SELECT 'abc12345' || i, '69c75287' || i, now() - interval '1 h' * (i / 6)"
        " FROM generate_series(1, 8) i"
    )
    (inside.folder / "logs").mkdir()
    (inside.folder / "maint.toml").write_text(
        '[triggers.pending]\nurl = "${BACKEND_URL}/api/jobs/process-pending"\nauth = "cron-secret"\n'
    )
    commands = (
        "cleanup-sessions",
        "cleanup-old-sessions",
        "cleanup-usage-counters",
        "cleanup-abandoned-jobs --action mark --json",
        "trigger pending",
        "status --json",
        "readyz --json",
        "db check",
    )
    with backend() as there:
        there.behave = reply(body='{"processed": 0, "failed": 0, "duration": "234ms"}')
        env = {"BACKEND_URL": there.url, "CRON_SECRET": "secret"}
        results = [inside(*command.split(), env=env) for command in commands]
    (inside.folder / "maint.toml").unlink()
    assert [result.code for result in results] == [0] * len(commands)
    files = [str(path.relative_to(inside.folder)) for path in inside.folder.rglob("*")]
    return "\n".join([*(result.out + result.err for result in results), *files])


def test_what_the_page_names_is_there_and_what_it_plans_is_not(inside: Inside, said: str) -> None:
    """Commands, options, settings, variables and lines of output, held against the program."""
    text = (ROOT / "docs" / "coverage.md").read_text("utf-8")
    assert list(untrue(text, inside, said)) == []


@pytest.mark.parametrize(
    ("cell", "word"),
    [
        ("`maint clean-sessions`", "clean-sessions"),
        ("`maint cleanup-sessions --older-than`", "--older-than"),
        ('`[jobs.NAME] evry = "5m"`', "evry"),
        ('`[jobs.NAME] every = "7m"`', "every"),
        ('`[triggers.NAME] token = "x"`', "token"),
        ("`max-jobs = 5`", "max-jobs"),
        ("`[database] url`", "[database] url"),
        ("`MAINT_INTERVAL`", "MAINT_INTERVAL"),
        ("`deleted_rows`", "deleted_rows"),
        ("planned: `cleanup-sessions`", "cleanup-sessions exists"),
        ("`maint list`; planned: `schedule`, `queue list`", "schedule exists"),
        ("planned: `CRON_SECRET`", "CRON_SECRET exists"),
    ],
)
def test_a_cell_that_is_not_true_is_found(inside: Inside, cell: str, word: str) -> None:
    """Whatever kind of word it is; a setting needs its value, so that it can be tried."""
    (found,) = untrue(f"| in the source | {cell} | |", inside, "deleted_count")
    assert word in found
