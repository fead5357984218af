"""A job's options: flag over environment over .env over maint.toml over default."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from maintcli.config.duration import duration
from maintcli.config.load import load
from maintcli.config.option import Kind, Option
from maintcli.config.variables import Sourced
from maintcli.errors import Code, ConfigError, MaintError, Usage

JOB = "cleanup-sessions"
VARIABLE = "MAINT_CLEANUP_SESSIONS_STALE_AFTER"
OPTIONS = (
    Option(name="stale_after", kind=Kind.DURATION, default=duration("60s"), min="1s"),
    Option(name="max_rows", kind=Kind.INTEGER),
    Option(name="archive", kind=Kind.PATH),
    Option(name="place", kind=Kind.LOCATION),
    Option(name="note", kind=Kind.TEXT),
    Option(name="kinds", kind=Kind.LIST, default=("a", "b")),
    Option(name="timeout", kind=Kind.DURATION, default=duration("1m"), min="1s"),
    Option(name="dry_run", kind=Kind.FLAG, default=False, configurable=False),
)


class Given:
    """A working directory with what each source says."""

    def __init__(self, cwd: Path) -> None:
        self.cwd = cwd
        self.environ: dict[str, str] = {}

    def toml(self, line: str) -> None:
        """Say `line` in the job's section of maint.toml."""
        _ = (self.cwd / "maint.toml").write_text(f"[jobs.{JOB}]\n{line}\n")

    def env(self, line: str) -> None:
        """Say `line` in .env."""
        path = self.cwd / ".env"
        _ = path.write_text(line)
        path.chmod(0o600)

    def resolve(self, **flags: object) -> Mapping[str, Sourced[Any]]:
        """What the job gets."""
        return load(environ=self.environ, cwd=self.cwd).resolve(JOB, OPTIONS, flags)

    def refusal(self, error: type[MaintError], **flags: object) -> str:
        """The message with which the job is refused."""
        with pytest.raises(error) as caught:
            _ = self.resolve(**flags)
        return str(caught.value)


@pytest.fixture
def given(tmp_path: Path) -> Given:
    """Nothing said anywhere."""
    return Given(tmp_path)


def test_the_stronger_source_wins(given: Given) -> None:
    """Each source beats the one before and says where the value came from."""

    def now(**flags: object) -> tuple[str, str]:
        found = given.resolve(**flags)["stale_after"]
        return str(found.value), found.origin

    assert now() == ("60s", "default")
    given.toml('stale-after = "61s"')
    assert now() == ("61s", f"maint.toml [jobs.{JOB}] stale-after")
    given.env(f"{VARIABLE}=62s")
    assert now() == ("62s", f".env {VARIABLE}")
    given.environ[VARIABLE] = "63s"
    assert now() == ("63s", f"environment {VARIABLE}")
    assert now(stale_after="64s") == ("64s", "--stale-after")


def test_a_flag_that_was_not_given_does_not_count(given: Given) -> None:
    """None means not given; a false flag is a value."""
    assert given.resolve(stale_after=None)["stale_after"].origin == "default"
    assert given.resolve(dry_run=True)["dry_run"].value is True
    assert given.resolve(dry_run=False)["dry_run"].origin == "--dry-run"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "--stale-after is blank; give it a value such as 60s, or leave it out."),
        ("0", "--stale-after: 0s is too small; it must be at least 1s."),
        ("-5s", "--stale-after: -5s lies in the future; it must be at least 1s."),
        (
            "abc",
            "--stale-after: 'abc' is not a duration; write e.g. 90s, 15m, 24h, 90d, 13mo, 1y (units: ",
        ),
        ("10 parsecs", "--stale-after: '10 parsecs' is not a duration; write e.g. 90s, 15m, 24h, "),
    ],
)
def test_a_bad_flag_is_wrong_usage(given: Given, text: str, message: str) -> None:
    """Exit 2, and the sentence names the flag, the value and what to do."""
    assert given.refusal(Usage, stale_after=text).startswith(message)
    with pytest.raises(Usage) as caught:
        _ = given.resolve(stale_after=text)
    assert caught.value.exit_code is Code.USAGE


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", " is blank; give it a value such as 60s, or unset it."),
        (" ", " is blank; give it a value such as 60s, or unset it."),
        ("0", ": 0s is too small; it must be at least 1s."),
        (
            "60",
            ": '60' has a number without a unit; write e.g. 90s, 15m, 24h, 90d, 13mo, 1y",
        ),
    ],
)
def test_a_bad_variable_is_a_configuration_error(given: Given, text: str, message: str) -> None:
    """A blank variable never means the default, also when maint.toml has a value."""
    given.toml('stale-after = "61s"')
    given.environ[VARIABLE] = text
    assert given.refusal(ConfigError).startswith(f"environment {VARIABLE}{message}")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("stale-after = ''", " stale-after is blank; give it a value such as 60s, or remove the"),
        ("stale-after = 60", " stale-after: '60' has a number without a unit; write e.g."),
        ("stale-after = []", " stale-after: it is a list and must be a duration in quotes, such"),
        ("stale_after = '60s'", ": unknown key stale_after; did you mean stale-after?"),
        ("stale-aftr = '60s'", ": unknown key stale-aftr; did you mean stale-after?"),
        ("dry-run = true", " dry-run: dry-run is taken from the flag --dry-run alone; remove it."),
        ("stale-after = '${NO}'", " stale-after: the variable NO in ${NO} is not set; set it."),
    ],
)
def test_a_bad_key_is_a_configuration_error(given: Given, line: str, message: str) -> None:
    """The sentence names the file, the section and the key."""
    given.toml(line)
    assert given.refusal(ConfigError).startswith(f"maint.toml [jobs.{JOB}]{message}")


def test_reserved_keys_are_known(given: Given) -> None:
    """schedule and its like belong to every job; timeout is an option as well."""
    given.toml('schedule = "*/5 * * * *"\nenabled = true\ntimezone = "UTC"\ntimeout = "2m"')
    assert given.resolve()["timeout"].value == duration("2m")


@pytest.mark.parametrize("name", [f"{VARIABLE[:-1]}", f"{VARIABLE}S", VARIABLE.replace("F", "")])
def test_a_misspelt_variable_is_an_error(given: Given, name: str) -> None:
    """A typo must not silently leave a destructive default in force."""
    given.environ[name] = "10m"
    message = given.refusal(ConfigError)
    assert message == (f"environment {name}: no such setting of {JOB}; did you mean {VARIABLE}?")


def test_a_variable_of_another_job_is_not_ours(given: Given) -> None:
    """A job whose name begins like ours keeps its variables."""
    given.environ["MAINT_CLEANUP_SESSIONS_OF_GUESTS_STALE_AFTER"] = "10m"
    assert given.resolve()["stale_after"].origin == "default"


def test_a_flag_alone_is_not_taken_from_a_variable(given: Given) -> None:
    """Who hopes for a dry run by a variable must not get a real one."""
    given.environ["MAINT_CLEANUP_SESSIONS_DRY_RUN"] = "1"
    message = given.refusal(ConfigError, dry_run=True)
    assert message == (
        "environment MAINT_CLEANUP_SESSIONS_DRY_RUN: dry-run is taken from the flag --dry-run "
        "alone; unset it."
    )


def test_variables_are_filled_in(given: Given) -> None:
    """${NAME} works in a job's settings; what is shown is what was written."""
    given.toml('note = "to ${WHO}"\nstale-after = "${AGE}"')
    given.environ |= {"WHO": "canary", "AGE": "5m"}
    found = given.resolve()
    assert (found["note"].value, found["note"].shown) == ("to canary", "to ${WHO}")
    assert found["stale_after"].value == duration("5m")
    assert "canary" not in repr(found)


def test_what_was_filled_in_is_not_shown_when_wrong(given: Given) -> None:
    """A secret in the wrong place stays secret."""
    given.toml('stale-after = "${PW}"')
    given.environ["PW"] = "canary"
    message = given.refusal(ConfigError)
    assert message == (
        f"maint.toml [jobs.{JOB}] stale-after: what ${{PW}} stands for is not valid; give e.g. 60s."
    )


def test_a_path_is_relative_to_the_file_that_names_it(given: Given) -> None:
    """In maint.toml beside maint.toml; by flag as it stands."""
    given.toml('archive = "old"')
    assert given.resolve()["archive"].value == given.cwd / "old"
    assert given.resolve(archive="old")["archive"].value == Path("old")


@pytest.mark.parametrize("place", ["s3://bucket/x", "~/x", "/x"])
def test_a_folder_is_relative_to_the_file_that_names_it(given: Given, place: str) -> None:
    """A bucket is not, nor is a whole path; by flag and variable it stays as it is."""
    given.toml('place = "./old"')
    assert given.resolve()["place"].value == str(given.cwd / "old")
    assert given.resolve(place="old")["place"].value == "old"
    given.environ["MAINT_CLEANUP_SESSIONS_PLACE"] = "old"
    assert given.resolve()["place"].value == "old"
    del given.environ["MAINT_CLEANUP_SESSIONS_PLACE"]
    given.toml(f'place = "{place}"')
    assert given.resolve()["place"].value == place


def test_a_url_with_a_password_is_not_shown(given: Given) -> None:
    """Parameters go to the ledger as shown, without passwords."""
    found = given.resolve(note="https://u:canary@h/x")
    assert found["note"].shown == "***"


def test_a_list_is_written_as_each_source_has_it(given: Given) -> None:
    """A TOML list, or parts with commas between; every part has its ${NAME} filled in."""

    def now(**flags: object) -> tuple[tuple[str, ...], str]:
        found = given.resolve(**flags)["kinds"]
        return found.value, found.shown

    assert now() == (("a", "b"), "a,b")
    given.environ["REGION"] = "eu"
    given.toml('kinds = ["x", "${REGION}"]')
    assert now() == (("x", "eu"), "x,${REGION}")
    given.env("MAINT_CLEANUP_SESSIONS_KINDS=c, d")
    assert now() == (("c", "d"), "c,d")
    assert now(kinds="e") == (("e",), "e")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("kinds = []", "kinds: it is an empty list; write e.g. one,two."),
        ("kinds = ['a', '']", "kinds: in its list, part 2: it is blank; write e.g. one,two."),
        ("kinds = ['a', '${BLANK:-}']", "kinds: what a,${BLANK:-} stands for is not valid; give"),
        ("kinds = ''", "kinds is blank; give it a value such as a,b, or remove the line."),
    ],
)
def test_a_blank_part_of_a_list_is_an_error(given: Given, line: str, message: str) -> None:
    """Never an empty name, and never the default."""
    given.toml(line)
    assert given.refusal(ConfigError).startswith(f"maint.toml [jobs.{JOB}] {message}")


def test_options_that_go_only_together_or_never(given: Given) -> None:
    """The error names what was given; a default needs and excludes nothing."""
    plan = Option(name="plan", kind=Kind.PATH, needs="dry_run")
    apply = Option(name="apply", kind=Kind.PATH, excludes="dry_run")
    drift = Option(name="drift", kind=Kind.PERCENT, default=10.0, needs="apply")

    def resolve(**flags: object) -> object:
        config = load(environ=given.environ, cwd=given.cwd)
        return config.resolve(JOB, (*OPTIONS, plan, apply, drift), flags)

    assert resolve()
    assert resolve(plan="p", dry_run=True)
    assert resolve(apply="p", drift="5")
    with pytest.raises(Usage, match="--plan goes only with --dry-run"):
        resolve(plan="p")
    with pytest.raises(Usage, match="--apply does not go with --dry-run"):
        resolve(apply="p", dry_run=True)
    with pytest.raises(Usage, match="--drift goes only with --apply"):
        resolve(drift="5")
