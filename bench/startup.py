"""Start-up: a run with nothing to do, and --help, against what else one would start."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import venvs
from bench.command import output, seconds
from bench.context import Bench
from bench.report import Budget, Section, Table
from bench.rounds import interleaved, medians

_DATABASE = "startup"
_BARE = """\
import os, psycopg
with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    connection.execute(
        "DELETE FROM active_sessions WHERE last_heartbeat < now() - interval '60 seconds'"
    )
"""
_SETTINGS = """\
import os
SECRET_KEY = "not a secret"
INSTALLED_APPS = ["django.contrib.sessions"]
DATABASES = {"default": {
    "ENGINE": "django.db.backends.postgresql", "NAME": "startup", "USER": "postgres",
    "HOST": os.environ["PGHOST"], "PORT": os.environ["PGPORT"],
}}
USE_TZ = True
"""
_TYPERS = {"maint": "newest Typer", "maint-lowest": "lowest Typer"}


def run(bench: Bench) -> Section:
    """Measure it."""
    programs = {name: venvs.make(bench.folder, name) for name in venvs.PACKAGES}
    environ = _prepare(bench, programs)
    found = interleaved(_ways(bench, programs, environ), bench.scale.starts, warm_ups=2)
    took = medians(found)
    rows = [
        (name, f"{took[name] * 1000:.0f}", f"{min(values) * 1000:.0f}")
        for name, values in found.items()
    ]
    versions = ", ".join(
        f"{package} {venvs.version(programs[where], package)}"
        for where, package in (
            ("maint", "typer"),
            ("maint-lowest", "typer"),
            ("maint", "psycopg"),
            ("django", "django"),
            ("procrastinate", "procrastinate"),
        )
    )
    how = (
        "Whole processes, compiled files warm, over a Unix socket, each in an environment of its"
        f" own: {versions}. The table holds 100 live sessions and no stale one. The bare"
        " script imports psycopg, connects, and sends one DELETE."
    )
    table = Table(("command", "median ms", "fastest ms"), rows)
    return Section("startup", "Start-up", how, [table], _budgets(took))


def _prepare(bench: Bench, programs: dict[str, Path]) -> dict[str, str]:
    server, folder = bench.server, bench.folder
    (folder / "bare.py").write_text(_BARE)
    (folder / "bench_settings.py").write_text(_SETTINGS)
    environ = {
        "DATABASE_URL": server.dsn(_DATABASE),
        "PGHOST": server.host,
        "PGPORT": server.port,
        "PYTHONPATH": str(folder),
        "DJANGO_SETTINGS_MODULE": "bench_settings",
    }
    server.execute(
        "postgres",
        f"DROP DATABASE IF EXISTS {_DATABASE} WITH (FORCE)",
        f"CREATE DATABASE {_DATABASE}",
    )
    from maintcli.db import toolkit

    with server.connect(_DATABASE) as connection:
        toolkit.migrate(connection)
    server.execute(
        _DATABASE,
        "CREATE TABLE active_sessions (session_id text PRIMARY KEY, access_key text NOT NULL,"
        " last_heartbeat timestamptz NOT NULL)",
        "INSERT INTO active_sessions SELECT i, i, now() + interval '1 day'"
        " FROM generate_series(1, 100) i",
        "CREATE INDEX ON active_sessions (last_heartbeat)",
        "VACUUM ANALYZE active_sessions",
    )
    output([programs["django"] / "django-admin", "migrate"], environ)
    return environ


def _ways(
    bench: Bench, programs: dict[str, Path], environ: dict[str, str]
) -> dict[str, Callable[[], float]]:
    commands: dict[str, list[str | Path]] = {
        "psql -c DELETE": [
            *bench.server.program("psql", _DATABASE),
            "-Xc",
            "DELETE FROM active_sessions WHERE last_heartbeat < now() - interval '60 seconds'",
        ],
        "bare psycopg script": [programs["maint"] / "python", bench.folder / "bare.py"],
        "django-admin clearsessions": [programs["django"] / "django-admin", "clearsessions"],
        "procrastinate --help": [programs["procrastinate"] / "procrastinate", "--help"],
    }
    for name, typer in _TYPERS.items():
        maint = programs[name] / "maint"
        commands[f"maint cleanup-sessions, {typer}"] = [maint, "cleanup-sessions"]
        commands[f"maint --help, {typer}"] = [maint, "--help"]
    return {name: partial(seconds, command, environ) for name, command in commands.items()}


def _budgets(took: dict[str, float]) -> list[Budget]:
    lines: list[Budget] = []
    for typer in _TYPERS.values():
        job, helping = took[f"maint cleanup-sessions, {typer}"], took[f"maint --help, {typer}"]
        bare, django = took["bare psycopg script"], took["django-admin clearsessions"]
        procrastinate = took["procrastinate --help"]
        lines += [
            Budget(f"nothing to do vs the bare psycopg script, {typer}", job / bare, 1.5),
            Budget(f"nothing to do vs Django's clearsessions, {typer}", job / django, 0.6),
            Budget(f"--help vs procrastinate's, {typer}", helping / procrastinate, 1.0),
        ]
    return lines
