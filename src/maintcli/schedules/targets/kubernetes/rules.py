"""podFailurePolicy, from the column of errors.py."""

from typing import Final

from maintcli.errors import Code

_FINAL: Final = "FailJob"

_POLICY: Final = """\
podFailurePolicy:
  rules:
    - action: Ignore  # evicted, or its node was drained: that is no failure of the job
      onPodConditions:
        - type: DisruptionTarget
          status: "True"
    - action: {action}  # another try would end alike; what no rule names is tried again
      onExitCodes:
        containerName: maint
        operator: In
        values: [{codes}]"""


def pod_failure_policy(*, indexed: bool) -> str:
    """The rules as YAML. A part of an Indexed Job fails alone, and the others go on."""
    codes = ", ".join(str(int(code)) for code in Code if code.kubernetes == _FINAL)
    return _POLICY.format(action="FailIndex" if indexed else _FINAL, codes=codes)
