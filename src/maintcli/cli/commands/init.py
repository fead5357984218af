"""maint init"""

import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from maintcli import registry
from maintcli.cli.initial import NEEDED, Initial, Question, check_epoch, check_zone
from maintcli.cli.location import ConfigLocation
from maintcli.cli.operator import Json, Yes, operator
from maintcli.config.files import write_new
from maintcli.config.load import FILE_NAME
from maintcli.config.messages import bare, hint
from maintcli.config.model import Config
from maintcli.db import toolkit
from maintcli.errors import ConfigError, Fail, Usage
from maintcli.output.table import show
from maintcli.runtime.session import Session
from maintcli.runtime.stop import Deadline, Never
from maintcli.runtime.visit import connected

_CONFIG = typer.Option("--config", metavar="PATH", help=f"Where to write instead of ./{FILE_NAME}.")
_ENV_FILE = typer.Option(
    "--env-file",
    metavar="PATH",
    help="Variables to read instead of ./.env.  [env: MAINT_ENV_FILE]",
)
_JOB = typer.Option("--job", metavar="NAME", help="Enable this job. May be repeated.")
_TABLE = typer.Option(
    "--table",
    metavar="TABLE=NAME",
    help="What a table of a job is called here: active_sessions=auth.sessions. May be repeated.",
)
_COLUMN = typer.Option(
    "--column",
    metavar="TABLE.COLUMN=NAME",
    help="The same of a column: active_sessions.last_heartbeat=seen_at. May be repeated.",
)
_TIMEZONE = typer.Option(
    "--timezone", metavar="ZONE", help="The zone of time columns that have none."
)
_EPOCH = typer.Option("--epoch", metavar="s|ms", help="What time columns of integers count.")
_SECONDS = 86_400.0  # the questions may wait for a while; each query is bounded by itself
_NOTHING_FOUND = "No table here has the name and the columns that a job knows."
_WHERE_ELSE = "A table that no job knows gets a job by [sweeps.NAME]: see docs/configuration.md."
_LEAVE = frozenset({"q", "quit"})


@operator("init")
def init(  # noqa: PLR0913  one for each option
    *,
    config: Annotated[str | None, _CONFIG] = None,
    env_file: Annotated[str | None, _ENV_FILE] = None,
    jobs: Annotated[list[str] | None, _JOB] = None,
    tables: Annotated[list[str] | None, _TABLE] = None,
    columns: Annotated[list[str] | None, _COLUMN] = None,
    timezone: Annotated[str | None, _TIMEZONE] = None,
    epoch: Annotated[str | None, _EPOCH] = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Look for tables that jobs know, and write a first maint.toml.

    The database is only read. Asks which jobs to enable, and what it cannot see; the options answer
    beforehand, and --yes enables every job whose tables are there. An existing file is left as it
    is.
    """
    # No configuration is read: it is about to be written.
    found = ConfigLocation(config=os.devnull, env_file=env_file).read_aloud()
    place = {"--config": config, "--env-file": env_file}
    path = _path(found, config)
    if os.path.lexists(path):
        raise Usage(f"{path} exists and was left as it is.")
    asks = sys.stdin.isatty() and not yes
    with connected(found.database(), "init") as connection:
        session = Session(lambda: connection, Never(), Deadline(_SECONDS, "a day"))
        if not (session.schemas or tables):
            raise toolkit.no_open_schema()
        open_questions: list[Question] = []
        initial = Initial(session, _ask if asks else open_questions.append)
        _answer(initial, tables or (), columns or ())
        initial.timezone = check_zone(timezone) if timezone else None
        initial.epoch = check_epoch(epoch) if epoch else None
        chosen = _chosen(initial, jobs or (), yes=yes, asks=asks)
        for job in chosen:
            initial.complete(job)
        _check_use(initial, chosen)
        if open_questions:
            given = {"--job": chosen, "--table": tables, "--column": columns}
            one = {"--timezone": timezone, "--epoch": epoch, **place}
            raise _incomplete(open_questions, {**given, **{k: [v] for k, v in one.items() if v}})
        where = {job: [str(initial.table(key)) for key in NEEDED[job]] for job in chosen}
    write_new(path, initial.text(chosen))
    more = [word for flag, value in place.items() if value for word in (flag, value)]
    commands = [shlex.join(["maint", *words, *more]) for words in _next(chosen)]
    data = {"path": str(path), "jobs": chosen, "tables": where, "next": commands}
    head = [f"{job}: {', '.join(where[job]) or 'tables of maint alone'}" for job in chosen]
    view = [f"Wrote {path}. It enables", *(f"  {line}" for line in head), "Next:"]
    show(data, lambda: [*view, *(f"  {command}" for command in commands)], json=json)


def _path(found: Config, config: str | None) -> Path:
    """Where every other command will look for the file."""
    named = found.variables.get("MAINT_CONFIG")
    return Path(config or (named.value if named and named.value.strip() else FILE_NAME))


def _answer(initial: Initial, tables: Sequence[str], columns: Sequence[str]) -> None:
    known = {key: needed[key] for needed in NEEDED.values() for key in needed}
    for key, name in _pairs("--table", "TABLE=NAME", tables):
        if key not in known:
            raise Usage(f"--table: jobs know no table {bare(key)}; {hint(key, known)}")
        initial.name_table(key, name)
    for text, name in _pairs("--column", "TABLE.COLUMN=NAME", columns):
        key, _, column = text.partition(".")
        of = {c for needed in NEEDED.values() for c in needed.get(key, ())}
        if column not in of:
            both = [
                f"{key}.{c}" for needed in NEEDED.values() for key in needed for c in needed[key]
            ]
            raise Usage(f"--column: jobs know no column {bare(text)}; {hint(text, set(both))}")
        initial.name_column(key, column, name)


def _pairs(flag: str, form: str, given: Sequence[str]) -> Iterator[tuple[str, str]]:
    for text in given:
        key, equals, name = (part.strip() for part in text.partition("="))
        if not (key and equals and name):
            raise Usage(f"{flag} {bare(text)}: write {flag} {form}.")
        yield key, name


def _chosen(initial: Initial, jobs: Sequence[str], *, yes: bool, asks: bool) -> list[str]:
    if jobs:
        return [_known(job) for job in dict.fromkeys(jobs)]
    found = initial.found()
    if yes and found:
        return found
    if not asks:
        raise _unanswered(found)
    chosen = [job for job in found if _wants(initial, job)]
    if chosen:
        return chosen
    if not found:
        sys.stderr.write(f"{_NOTHING_FOUND}\n")
    sys.stderr.write(
        f"Tables of yours with other names can be given to these jobs. {_WHERE_ELSE}\n"
    )
    width = max(map(len, NEEDED))
    jobs = [f"  {job:{width}}  {registry.JOBS[job].summary}" for job in NEEDED]
    return [_ask(Question("Which job should be enabled?", "--job NAME", _known, "\n".join(jobs)))]


def _wants(initial: Initial, job: str) -> bool:
    names = ", ".join(str(initial.table(key)) for key in NEEDED[job])
    text = f"{job}: {registry.JOBS[job].summary} Found {names}. Enable it? [y/N]"
    answer = _answered(text).lower()
    if answer in _LEAVE:
        raise _left()
    return answer in {"y", "yes"}


def _unanswered(found: Sequence[str]) -> Usage:
    if found:
        return Usage(
            f"The tables of these jobs are here: {', '.join(found)}. Nothing was written."
            " Enable all of them with --yes, or some with --job NAME."
        )
    return Usage(
        f"{_NOTHING_FOUND} Nothing was written. Name a job and its table:"
        f" --job cleanup-sessions --table active_sessions=NAME. {_WHERE_ELSE}"
    )


def _known(job: str) -> str:
    """The name of a job that can be set up. Raises Usage."""
    if job in NEEDED:
        return job
    if job in registry.JOBS:
        raise Usage(
            f"{job} needs more settings than names of tables; write them into {FILE_NAME}"
            f" yourself: see maint {job} --help."
        )
    raise Usage(f"There is no job {bare(job)}; {hint(job, NEEDED)}")


def _check_use(initial: Initial, chosen: Sequence[str]) -> None:
    for key in initial.maps:
        if not any(key in NEEDED[job] for job in chosen):
            raise Usage(f"{key} belongs to none of the jobs being enabled. Nothing was written.")


def _ask(question: Question) -> str:
    if question.choices:
        sys.stderr.write(f"{question.choices}\n")
    while True:
        answer = _answered(f"{question.text} (press Enter to quit)")
        if not answer:
            raise _left()
        try:
            return question.check(answer)
        except (ConfigError, Usage) as error:
            if answer in _LEAVE:
                raise _left() from None
            sys.stderr.write(f"{error}\n")


def _answered(text: str) -> str:
    """What is typed: Typer's prompt would write to standard output, too."""
    sys.stderr.write(f"{text}: ")
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise _left()
    return line.strip()


def _left() -> Fail:
    return Fail("There was no answer. Nothing was written.")


def _incomplete(questions: Sequence[Question], given: Mapping[str, Sequence[str] | None]) -> Usage:
    """All that must be known beside what is given, and the command that says it."""
    asked = {question.option: question for question in questions}
    choices = dict.fromkeys(question.choices for question in asked.values() if question.choices)
    said = " ".join([*(question.text for question in asked.values()), *choices])
    words = [
        word for flag, values in given.items() for value in values or () for word in (flag, value)
    ]
    command = " ".join(["maint init", shlex.join(words), *asked])
    return Usage(f"{said} Nothing was written. To answer, fill in and run: {command}")


def _next(chosen: Sequence[str]) -> Iterator[list[str]]:
    yield [*(chosen if len(chosen) == 1 else ["run", "--all"]), "--dry-run"]
    yield ["db", "migrate"]
    yield ["schedule", "render", "--target", "crontab"]
