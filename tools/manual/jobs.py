"""docs/jobs.md and the README's table: the jobs, as they are declared."""

from collections.abc import Iterator, Sequence
from string import Formatter
from types import SimpleNamespace
from typing import Any, cast
from unittest import mock

from manual.page import ROOT, Page, code, table

from maintcli import registry
from maintcli.api import Job, Reaped, Stale, Swept
from maintcli.config.option import Option
from maintcli.engines.base.statuses import is_status

_INTRODUCTION = """
# Jobs

A job runs once and exits. Times are UTC unless `[jobs.NAME] timezone` says otherwise. A schedule is
a declaration: a scheduler of yours starts the job, and `maint status` says when none does. Options
that all jobs have are in [commands.md](commands.md); how a sweep goes is in
[sweeping.md](sweeping.md). Tables and columns are those of the reference schema, which
`maint db example` makes; yours may be called otherwise: [configuration.md](configuration.md).
"""


def page() -> Page:
    """The page as the catalog has it."""
    parts = [_INTRODUCTION.strip()]
    for group in registry.JOB_GROUPS:
        parts += [f"## {group}", *(_section(job) for job in _jobs() if job.group == group)]
    return Page(ROOT / "docs" / "jobs.md", "\n\n".join(parts))


def overview() -> Page:
    """The README's table."""
    rows = [
        (
            f"[{code(job.name)}](docs/jobs.md#{job.name})",
            job.summary,
            code(job.schedule or "by hand"),
            "; ".join(f"{code(o.flag)} {o.show(o.default)}" for o in job.options),
        )
        for job in _jobs()
    ]
    columns = ("job", "what it does", "schedule", "defaults")
    return Page(ROOT / "README.md", table(columns, rows), "jobs")


def _jobs() -> list[Job]:
    return [cast("Job", registry.load(entry)) for entry in registry.JOBS.values()]


def _section(job: Job) -> str:
    facts = [
        ("schedule", code(job.schedule or "")),
        ("timeout", str(job.timeout)),
        ("dry run", "yes" if job.can_dry_run else "refused"),
        *(("table", text) for text in _tables(job)),
    ]
    lines = [f"- {name}: {text}" for name, text in facts]
    parts = [f"### {job.name}", job.description, "\n".join(lines)]
    return "\n\n".join([*parts, _options(job.options)] if job.options else parts)


def _options(options: Sequence[Option]) -> str:
    rows = [
        (code(o.flag), o.help, code(o.show(o.default)), code(o.min or ""), code(o.max or ""))
        for o in options
    ]
    return table(("option", "meaning", "default", "at least", "at most"), rows)


def _any(job: Job, option: Option) -> Any:
    """The option's default, or all that it can name where it has none and needs one."""
    return option.choices if option.name == job.needs else option.default


def _tables(job: Job) -> Iterator[str]:
    """What the job sweeps, seen by letting it ask for a sweep that is not done."""
    asked: list[tuple[str, list[str]]] = []

    def sweep(_context: Any, stales: Sequence[Stale]) -> Swept:
        for stale in stales:
            named = [field for _, field, _, _ in Formatter().parse(stale.where) if field]
            columns = dict.fromkeys([stale.by, *named, *stale.show])
            none = {"cutoff", "table", *filter(is_status, columns)}
            asked.append((stale.table, [c for c in columns if c not in none]))
        return Swept(0, 0, 0, 0, 0, "", "", {})

    def reap(_context: Any, **_: Any) -> Reaped:
        from maintcli.engines.update.reap import KEY, LEASE, NEEDED

        asked.append((KEY, [*NEEDED, *LEASE]))
        return Reaped(0, 0, 0, 0, 0, 0, "")

    silent = SimpleNamespace(info=lambda _: None, warn=lambda _: None)
    context = cast("Any", SimpleNamespace(log=silent, dry_run=True, make_run=None))
    no_rules = mock.patch("maintcli.engines.base.stale.rules", return_value=())
    no_orphans = mock.patch("maintcli.engines.orphans.sweep_orphans", return_value=None)
    no_erasure = mock.patch("maintcli.engines.erase.erasure.erase_users", return_value=None)
    reaping = mock.patch("maintcli.engines.update.reap.reap", reap)
    with (
        mock.patch("maintcli.engines.sweep.sweep.sweep_tables", sweep),
        no_rules,
        no_orphans,
        no_erasure,
        reaping,
    ):
        job.body(context, {option.name: _any(job, option) for option in job.options})
    for name, columns in asked:
        yield f"{code(name)} ({', '.join(map(code, columns))})"
