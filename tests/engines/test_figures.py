"""The names of figures, which people read in a line, in the ledger and in the documentation."""

from dataclasses import fields
from datetime import UTC, datetime

import pytest

from maintcli.engines.base.figures import FIGURES, label, phrases
from maintcli.engines.erase.counters import Erased
from maintcli.engines.restore.report import Restored
from maintcli.engines.sweep.result import Swept
from maintcli.engines.update.result import Reaped, Updated
from maintcli.errors import Code
from maintcli.runtime.whole import together


@pytest.mark.parametrize("result", [Swept, Updated, Reaped, Erased, Restored])
def test_every_figure_of_a_result_is_in_the_table(result: type) -> None:
    """So that the documentation has a line for it."""
    assert {field.name for field in fields(result)} <= set(FIGURES)


def test_every_figure_of_all_databases_is_in_the_table() -> None:
    """Beside the sums of what each has."""
    whole = together("a-job", [], code=Code.OK, started_at=datetime.now(UTC))
    assert set(whole.counts) <= set(FIGURES)


def test_no_two_figures_have_one_name() -> None:
    """In a dry run neither."""
    for dry_run in (False, True):
        labels = [label(name, dry_run=dry_run) for name in FIGURES]
        assert len(labels) == len(set(labels))


def test_a_figure_of_a_plugin_is_called_as_its_author_calls_it() -> None:
    """Numbers get separators; what is a list or a table is left to --json."""
    counts = {"moved_rows": 12000, "ratio": 0.25, "ok": True, "by_day": {"a": 1}, "unknown": None}
    assert phrases(counts) == "moved rows 12,000, ratio 0.25, ok True"


@pytest.mark.parametrize("rules", [3, "two", [1], [{"limit": 2}], None])
def test_what_another_package_calls_rules(rules: object) -> None:
    """Only a sweep's own rules decide whether its one cutoff is said."""
    assert phrases({"cutoff": "2026", "rules": rules}).startswith("cutoff 2026")
