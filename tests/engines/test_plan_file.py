"""The file between a dry run and the run that applies it."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from maintcli.engines.base import plan_file
from maintcli.engines.base.plan_file import Plan, Rule
from maintcli.errors import Usage

RULE = Rule(
    table="public.events",
    column="at",
    older_than="90d",
    condition='"at" < {cutoff}',
    cutoff="2026-01-01T00:00:00.000000Z",
)
PLAN = Plan(
    job="cleanup-events",
    database="app",
    host="db.example",
    system="7412",
    made_at=datetime(2026, 4, 1, 12, tzinfo=UTC),
    rules=(RULE,),
    rows={"public.events": 1_000},
    cascaded={"public.details": 17},
)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """Every field, and no other file is left beside it."""
    for plan in (replace(PLAN, shard="3/4"), PLAN):
        plan_file.write(tmp_path / "plan.json", plan)
        assert plan_file.read(tmp_path / "plan.json") == plan
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


def test_a_plan_that_cannot_be_finished_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new file takes the old one's place as a whole, or not at all."""
    path = tmp_path / "plan.json"
    path.write_text("old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("maintcli.config.files.os.fsync", full)
    with pytest.raises(Usage, match="cannot be written: No space left on device"):
        plan_file.write(path, PLAN)
    assert path.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


def test_settings_have_a_hash_and_figures_and_cutoffs_do_not() -> None:
    """Another age is another hash; an hour later it is the same."""
    later = Rule(**{**PLAN.rules[0].setting, "cutoff": "2026-01-01T01:00:00.000000Z"})
    shorter = Rule(**{**PLAN.rules[0].setting, "older_than": "30d", "cutoff": RULE.cutoff})

    def hash_of(rule: Rule, rows: int) -> str:
        fields: dict[str, Any] = {name: getattr(PLAN, name) for name in Plan.__slots__}
        return Plan(**{**fields, "rules": (rule,), "rows": {"public.events": rows}}).config_hash

    assert hash_of(later, 7) == PLAN.config_hash
    assert hash_of(shorter, 1_000) != PLAN.config_hash


BAD: list[tuple[str, Any]] = [
    ("no JSON", "{"),
    ("another list", "[1, 2]"),
    ("nothing", ""),
    ("not text", b"\xff\xfe\x00"),
    ("deep", "[" * 100_000),
    ("no rows", {**plan_file._as_dict(PLAN), "rows": None}),
    ("rows in a list", {**plan_file._as_dict(PLAN), "rows": []}),
    ("negative rows", {**plan_file._as_dict(PLAN), "rows": {"t": -1}}),
    ("rows as text", {**plan_file._as_dict(PLAN), "rows": {"t": "1"}}),
    ("no database", {**plan_file._as_dict(PLAN), "database": "app"}),
    ("a part as a number", {**plan_file._as_dict(PLAN), "shard": 1}),
    ("no time", {**plan_file._as_dict(PLAN), "made_at": "yesterday"}),
    ("a rule of text", {**plan_file._as_dict(PLAN), "rules": ["public.events"]}),
]


@pytest.mark.parametrize("content", [bad for _, bad in BAD], ids=[name for name, _ in BAD])
def test_a_garbled_file_is_one_sentence(tmp_path: Path, content: Any) -> None:
    """Whatever stands in it, the error names the file and says what to do."""
    path = tmp_path / "plan.json"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(Usage, match=r"plan\.json is not a plan .* Make one with"):
        plan_file.read(path)


def test_a_newer_format_and_a_changed_setting_are_told_apart(tmp_path: Path) -> None:
    """The one wants another maint, the other another look."""
    path, content = tmp_path / "plan.json", plan_file._as_dict(PLAN)
    path.write_text(json.dumps({**content, "maint_plan": 2}))
    with pytest.raises(Usage, match="its format is 2, and this maint knows 1"):
        plan_file.read(path)
    shorter = [{**content["rules"][0], "older_than": "9d"}]
    for change in ({"rules": shorter}, {"shard": "0/4"}):
        path.write_text(json.dumps({**content, **change}))
        with pytest.raises(Usage, match="it was changed after it was made"):
            plan_file.read(path)


def test_a_missing_file_is_wrong_usage(tmp_path: Path) -> None:
    """The flag names what is not there."""
    with pytest.raises(Usage, match=r"nowhere\.json cannot be read: No such file"):
        plan_file.read(tmp_path / "nowhere.json")
