"""[[retention]]: the rules of retention-cleanup."""

from collections.abc import Mapping
from typing import Final, cast

from maintcli.config import rule, values
from maintcli.config.rule import Rule, read_rule
from maintcli.config.section import Section

_KEYS: Final = (*rule.KEYS, "name")


class RuleSection(Section):
    """One [[retention]], known by its number, and by its name where it has one."""

    def __init__(self, top: Section, number: int, written: Mapping[str, object]) -> None:
        super().__init__(top.file, ("retention", str(number)), written, top.variables)
        self.number: Final = number

    @property
    def header(self) -> str:
        """What messages call it: `[[retention]] rule 2`."""
        return f"[[retention]] rule {self.number}"


def read_retention(top: Section) -> tuple[Rule, ...]:
    """Every rule, in the order of the file. Raises ConfigError."""
    return tuple(_rule(section) for section in sections(top))


def sections(top: Section) -> list[RuleSection]:
    """The tables of the array, none where it is not given."""
    written = top.values.get("retention", [])
    if not isinstance(written, list):
        raise top.wrong("retention", _clause(written))
    found: list[RuleSection] = []
    for number, table in enumerate(cast("list[object]", written), start=1):
        if not isinstance(table, dict):
            raise top.wrong("retention", f"in its list, {_clause(table)}")
        found.append(RuleSection(top, number, cast("dict[str, object]", table)))
    return found


def _clause(value: object) -> str:
    kind = values.toml_type(value)
    return f"it is {kind} and must be a list of tables; write [[retention]] over each rule"


def _rule(section: RuleSection) -> Rule:
    section.only(_KEYS)
    return read_rule(section)
