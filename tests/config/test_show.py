"""`config show`: every setting with where it came from."""

from pathlib import Path

from maintcli.config.duration import duration
from maintcli.config.load import load
from maintcli.config.option import Kind, Option
from maintcli.config.show import Setting, settings

OPTIONS = (
    Option(name="stale_after", kind=Kind.DURATION, default=duration("60s")),
    Option(name="max_rows", kind=Kind.INTEGER),
    Option(name="dry_run", kind=Kind.FLAG, configurable=False),
)
TOML = """
plugins = ["mine"]
[database]
schema = "ops"
[databases.other]
url = "postgres://u:canary@h"
[tables.a]
name = "b"
columns = {x = "y"}
[jobs.clean]
stale-after = "5m"
schedule = ["1 * * * *", "2 * * * *"]
enabled = true
"""


def test_everything_is_shown_with_its_origin(tmp_path: Path) -> None:
    """Defaults too; secrets masked; settings that are flags only left out."""
    _ = (tmp_path / "maint.toml").write_text(TOML)
    config = load(environ={"DATABASE_URL": "canary"}, cwd=tmp_path)
    assert settings(config, [("clean", OPTIONS)]) == [
        Setting("", "max-concurrent-jobs", "5", "default"),
        Setting("", "plugins", "mine", "maint.toml plugins"),
        Setting("database", "url", "***", "environment DATABASE_URL"),
        Setting("database", "schema", "ops", "maint.toml [database] schema"),
        Setting("databases.other", "url", "***", "maint.toml [databases.other] url"),
        Setting("databases.other", "schema", "", "the first of the search path"),
        Setting("tables.a", "name", "b", "maint.toml [tables.a] name"),
        Setting("tables.a.columns", "x", "y", "maint.toml [tables.a.columns] x"),
        Setting("jobs.clean", "stale-after", "5m", "maint.toml [jobs.clean] stale-after"),
        Setting("jobs.clean", "max-rows", "", "default"),
        Setting(
            "jobs.clean", "schedule", "1 * * * *, 2 * * * *", "maint.toml [jobs.clean] schedule"
        ),
        Setting("jobs.clean", "enabled", "true", "maint.toml [jobs.clean] enabled"),
    ]


def test_no_url_is_said(tmp_path: Path) -> None:
    """A database without URL is shown as such."""
    rows = settings(load(environ={}, cwd=tmp_path), [])
    assert Setting("database", "url", "", "not set") in rows
