"""The maint.toml that `config init` writes cannot lie."""

import re
import tomllib
from pathlib import Path

from maintcli.cli.render_options import RenderOptions
from maintcli.config.duration import duration
from maintcli.config.load import load
from maintcli.config.option import Kind, Option
from maintcli.config.scheduler import KEYS, Settings
from maintcli.config.show import render

OPTIONS = (
    Option(name="stale_after", kind=Kind.DURATION, default=duration("60s"), min="1s", help="Age."),
    Option(name="share", kind=Kind.PERCENT, default=50.0, min="1", max="100", help="Share."),
    Option(name="batch", kind=Kind.INTEGER, default=10, help="Size."),
    Option(name="verify", kind=Kind.FLAG, default=True, help="Look twice. " * 20),
    Option(name="if_locked", kind=Kind.CHOICE, default="skip", choices=("skip", "fail")),
    Option(name="note", kind=Kind.TEXT, default='a "b" \\ c\n'),
    Option(name="max_rows", kind=Kind.INTEGER, help="Guard."),
    Option(name="kinds", kind=Kind.LIST, default=("a", 'b "c"')),
    Option(name="more_kinds", kind=Kind.LIST, default=()),
    Option(name="dry_run", kind=Kind.FLAG, configurable=False),
)
TEXT = render([("clean", "*/5 * * * *", OPTIONS), ("other", None, [])])


def settings_of(text: str) -> str:
    """The text with every setting put in force."""
    lines = [line for line in text.splitlines() if line.startswith("#") and line[1:2] != " "]
    return "\n".join(line.removeprefix("#") for line in lines)


def test_template_sets_nothing() -> None:
    """Every line is a comment."""
    assert tomllib.loads(TEXT) == {}


def test_uncommented_template_keeps_every_default(tmp_path: Path) -> None:
    """The defaults that the file names are the defaults."""
    _ = (tmp_path / "maint.toml").write_text(settings_of(TEXT))
    config = load(environ={}, cwd=tmp_path)
    plain = load(environ={}, cwd=tmp_path, config=Path("/dev/null"))
    config.check_jobs(["clean", "other"])
    assert config.max_concurrent_jobs == plain.max_concurrent_jobs
    assert config.jobs["clean"]["schedule"] == "*/5 * * * *"
    found = config.resolve("clean", OPTIONS, {})
    for option in OPTIONS:
        assert found[option.name].value == option.default
    assert found["share"].origin == "maint.toml [jobs.clean] share"


def test_schedule_section_has_the_defaults_of_targets(tmp_path: Path) -> None:
    """What [schedule] says there is what is rendered without it; no key is left out."""
    _ = (tmp_path / "maint.toml").write_text(settings_of(TEXT))
    config = load(environ={}, cwd=tmp_path)
    found = (
        RenderOptions()
        .settings(config)
        ._replace(config="", config_file="", is_home=True, hidden="")
    )
    assert found == Settings()
    assert all(re.search(f"^# ?{key} = ", TEXT, re.MULTILINE) for key in KEYS)


def test_the_page_on_schedules_has_every_key_of_schedule() -> None:
    """Each in the example of [schedule], so that a new one is documented."""
    page = (Path(__file__).parents[2] / "docs" / "schedules.md").read_text()
    assert [key for key in KEYS if not re.search(f"^{key} = ", page, re.MULTILINE)] == []


def test_option_without_default_is_an_example() -> None:
    """An option without default is shown and not set."""
    assert "# max-rows = 1000  # not set by default" in TEXT
    assert '# more-kinds = ["one", "two"]  # not set by default' in TEXT
    assert "dry-run" not in TEXT


def test_long_help_is_wrapped() -> None:
    """Long help is wrapped."""
    assert max(len(line) for line in TEXT.splitlines()) <= 100


def test_the_examples_of_rules_are_valid(tmp_path: Path) -> None:
    """What is there to be filled in loads as it stands, once it is no comment."""
    start = TEXT.index("# [sweeps.")
    lines = TEXT[start : TEXT.index("#[jobs.")].splitlines()
    talk = ("# What ", "# A ", "# X-Cron-Secret", "# ADMIN_BASIC_USERNAME ")
    text = "\n".join(line.removeprefix("# ") for line in lines if not line.startswith(talk))
    _ = (tmp_path / "maint.toml").write_text(text)
    config = load(environ={}, cwd=tmp_path)
    assert list(config.sweeps) == ["old-mail"]
    assert [str(rule.keep) for rule in config.retention] == ["13mo"]
    assert [(planned.name, planned.job) for planned in config.schedules] == [
        ("old-mail-noon", "old-mail")
    ]
    assert [(one.name, one.auth) for one in config.triggers.values()] == [
        ("process-pending", "cron-secret"),
        ("cleanup", "basic"),
        ("email-scan", "basic"),
        ("retention-cleanup", "basic"),
        ("export-dead-letter", "basic"),
        ("outbox-dead-letter", "basic"),
    ]
