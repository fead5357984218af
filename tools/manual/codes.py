"""docs/exit-codes.md: the codes, and the sentences that lead to them."""

from collections.abc import Iterator
from inspect import cleandoc

from manual.page import ROOT, Page, code, table

from maintcli import errors
from maintcli.errors import Code, MaintError

_TEXT = """
# Exit codes

{codes}

The numbers follow `sysexits.h` where it has one, `timeout(1)` for 124, and 128 + signal for the two
signals. `maint run` ends with the gravest code of its jobs, in this order:
{gravity}.

## Kubernetes

Rules for a Job with `restartPolicy: Never`. What no rule names counts against `backoffLimit`. The
first rule that fits decides, so a pod that was evicted is not held against the job.

```yaml
podFailurePolicy:
  rules:
    - action: Ignore
      onPodConditions:
        - type: DisruptionTarget
          status: "True"
    - action: FailJob
      onExitCodes:
        operator: In
        values: [{fail_job}]
```

## systemd

Restart where another try may help, and not where it cannot:

```ini
[Service]
Type=oneshot
Restart=on-failure
RestartSec=60
RestartPreventExitStatus={prevent}
```

## What the errors say

Words in braces are filled in. An error is one line on standard error. In a run it is a log line of
level ERROR, and stands in the ledger too; before a run it begins with `maint: `. An unknown
command or option, or a missing argument, gets a hint at the usage instead.

What PostgreSQL itself reports is passed on with its SQLSTATE, DETAIL and HINT. A DETAIL that shows
values of a row is left out.

{sentences}
"""


def page() -> Page:
    """The page as errors.py has it."""
    text = _TEXT.format(
        codes=codes().text,
        gravity=", ".join(str(int(c)) for c in sorted(Code, key=_gravity)),
        fail_job=", ".join(str(int(c)) for c in Code if c.kubernetes == "FailJob"),
        prevent=" ".join(str(int(c)) for c in Code if c.systemd == "prevent"),
        sentences="\n\n".join(_sentences(c) for c in Code if _errors(c)),
    )
    return Page(ROOT / "docs" / "exit-codes.md", text)


def codes() -> Page:
    """The README's table."""
    columns = ("code", "meaning", "Kubernetes podFailurePolicy", "systemd")
    rows = [(str(int(c)), c.meaning, c.kubernetes, c.systemd) for c in Code]
    return Page(ROOT / "README.md", table(columns, rows), "exit codes")


def _gravity(code_: Code) -> int:
    """How many codes are graver."""
    return sum(errors.gravest((code_, other)) is not code_ for other in Code)


def _sentences(wanted: Code) -> str:
    lines = [f"- {code(kind.__name__)}: {_sentence(kind)}" for kind in _errors(wanted)]
    return "\n".join([f"### {int(wanted)}", "", *lines])


def _errors(wanted: Code) -> list[type[MaintError]]:
    """The errors of a code that have a sentence of their own; others are given theirs."""
    return [k for k in _kinds(MaintError) if k.code is wanted and _sentence(k) != "{reason}"]


def _kinds(kind: type[MaintError]) -> Iterator[type[MaintError]]:
    for below in kind.__subclasses__():
        if below.__module__ == errors.__name__:
            yield below
            yield from _kinds(below)


def _sentence(kind: type[MaintError]) -> str:
    return " ".join(cleandoc(kind.__doc__ or "").split())
