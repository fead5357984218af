"""GitHub Actions: the step summary, and an annotation where a run failed.

Source: GitHub's "Workflow commands for GitHub Actions".
"""

import os
import re
import sys
from pathlib import Path

from maintcli.config.observers import ObserverSettings
from maintcli.engines.base.figures import label
from maintcli.runtime.report import Event, Observer, Report


def observer(settings: ObserverSettings) -> Observer:
    """Tells GitHub of ends; it sees for itself that a run has started."""
    settings.section.only(["enabled"])
    return _tell


def _tell(event: Event) -> None:
    if event.kind != "started":
        tell(event.report)


def tell(report: Report) -> None:
    """Add the run to the step summary; annotate failures and warnings on standard error."""
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(_summary(report))
    if not report.success:
        sys.stderr.write(_annotation("error", report.job, report.message))
    for warning in report.warnings:
        sys.stderr.write(_annotation("warning", report.job, warning))


def _summary(report: Report) -> str:
    figures = "".join(
        f"| {label(name, dry_run=report.dry_run)} | {_cell(value)} |\n"
        for name, value in report.counts.items()
    )
    head = f"### {report.job}: {report.outcome.value}\n\n"
    said = f"{_inert(report.message)}\n\n" if report.message else ""
    table = f"| figure | value |\n| --- | --- |\n{figures}\n" if figures else ""
    block = "\n".join(report.statements).replace("&", "&amp;").replace("<", "&lt;")
    statements = f"<pre>\n{block}\n</pre>\n\n" if block else ""
    return f"{head}{said}{statements}{table}"


def _cell(value: object) -> str:
    if isinstance(value, (int, float)):
        return str(value)
    return _inert(str(value)).replace("|", "\\|")


def _inert(text: str) -> str:
    """`text` as code: what the database says could hold links, images, names and HTML."""
    line = " ".join(text.split())
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    return f"{fence} {line} {fence}"  # one blank on either side is not shown


def _annotation(level: str, title: str, text: str) -> str:
    body = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return f"::{level} title={title}::{body}\n"
