"""docs/exit-codes.md: the codes, and what schedulers make of them."""

from manual.page import ROOT, Page, table

from maintcli import errors
from maintcli.errors import Code

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

An error is one line on standard error: what is wrong, where, and what to do. In a run it is a log
line of level ERROR, and stands in the ledger too; before a run it begins with `maint: `. Statements
that mend it are on lines of their own, to be pasted into psql. An unknown command or option, or a
missing argument, gets a hint at the usage instead.

What PostgreSQL itself reports is passed on with its SQLSTATE, DETAIL and HINT. A DETAIL that shows
values of a row is left out.
"""


def page() -> Page:
    """The page as errors.py has it."""
    text = _TEXT.format(
        codes=codes().text,
        gravity=", ".join(str(int(c)) for c in sorted(Code, key=_gravity)),
        fail_job=", ".join(str(int(c)) for c in Code if c.kubernetes == "FailJob"),
        prevent=" ".join(str(int(c)) for c in Code if c.systemd == "prevent"),
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
