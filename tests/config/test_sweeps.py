"""[sweeps.NAME] and [[retention]]: what stands there, and what is wrong with it."""

from pathlib import Path

import pytest

from maintcli.config.duration import duration
from maintcli.config.load import load
from maintcli.config.model import Config
from maintcli.config.option import Kind, Option
from maintcli.config.show import Setting, settings
from maintcli.config.tables import KEEP, Rule, TableMap
from maintcli.errors import ConfigError

GOOD = 'table = "mail.messages"\ncolumn = "sent_at"\nkeep = "14d"\n'
SWEEP = f"[sweeps.old-mail]\n{GOOD}"
RULE = f"[[retention]]\n{GOOD}"


def read(cwd: Path, text: str, **environ: str) -> Config:
    """The configuration of a maint.toml that says `text`."""
    _ = (cwd / "maint.toml").write_text(text)
    return load(environ=environ, cwd=cwd)


def refusal(cwd: Path, text: str, **environ: str) -> str:
    """The message with which `text` is refused."""
    with pytest.raises(ConfigError) as caught:
        _ = read(cwd, text, **environ)
    return str(caught.value)


def rule_of(config: Config) -> Rule:
    """The one rule."""
    (rule,) = [*(sweep.rule for sweep in config.sweeps.values()), *config.retention]
    return rule


@pytest.mark.parametrize("header", ["[sweeps.old-mail]", "[[retention]]"])
def test_a_rule_is_read(tmp_path: Path, header: str) -> None:
    """Everything that it can say, with variables filled in."""
    rule = rule_of(
        read(
            tmp_path,
            f'{header}\ntable = "${{SCHEMA}}.messages"\ncolumn = "sent at"\nkeep = "${{AGE}}"\n'
            "where = \"status = '${STATUS}'\"\nallow-sql = true\nfinal = true\n"
            'timezone = "Europe/Berlin"\nepoch = "ms"\n',
            SCHEMA="mail",
            AGE="13mo",
            STATUS="done",
        )
    )
    assert (rule.table, rule.column, rule.keep) == ("mail.messages", "sent at", duration("13mo"))
    assert (rule.where, rule.final) == ("status = 'done'", True)
    shown = header if header.startswith("[s") else "[[retention]] rule 1"
    expected = TableMap("mail.messages", {"time_column": "sent at"}, "Europe/Berlin", "ms", shown)
    assert rule.map == expected
    assert rule.section.place("keep") == f"maint.toml {shown} keep"


def test_minimal_rule_has_no_condition(tmp_path: Path) -> None:
    """No condition, not final, nothing shown."""
    rule = rule_of(read(tmp_path, SWEEP))
    assert (rule.where, rule.final, rule.show, rule.map.timezone, rule.map.epoch) == (
        None,
        False,
        (),
        None,
        None,
    )


BAD = [
    ("table", None, 'table: it is missing; write e.g. table = "schema.table".'),
    ("column", None, 'column: it is missing; write e.g. column = "created_at".'),
    ("keep", None, 'keep: it is missing; write e.g. keep = "90d".'),
    ("table", "''", "table: it is blank; give it a value or remove the line."),
    ("table", "5", "table: it is a number and must be text in quotes."),
    ("column", "' '", "column: it is blank; give it a value or remove the line."),
    ("column", "[]", "column: it is a list and must be text in quotes."),
    ("keep", "''", "keep: it is blank; give it a value or remove the line."),
    ("keep", "14", "keep: '14' has a number without a unit; write e.g. 90s, 15m, 24h, 90d, 13mo"),
    ("keep", "true", "keep: it is true or false and must be a duration in quotes"),
    (
        "keep",
        "'soon'",
        "keep: 'soon' is not a duration; write e.g. 90s, 15m, 24h, 90d, 13mo, 1y (units: ",
    ),
    (
        "keep",
        "'90m'",
        'keep: 90m are minutes; write "90mo" for months, or "5400s" if minutes are meant.',
    ),
    ("keep", "'${AGE}'", "keep: the variable AGE in ${AGE} is not set; set it."),
    ("where", "''", "where: it is blank; give it a value or remove the line."),
    ("where", "5", "where: it is a number and must be text in quotes."),
    ("where", "'a = 1'", "where: it is run as SQL; allow that with allow-sql = true beside it."),
    ("allow-sql", "'yes'", "allow-sql: it is text and must be true or false."),
    ("final", "1", "final: it is a number and must be true or false."),
    ("epoch", "'ns'", "epoch: 'ns' is not one of its values; known: ms, s."),
    (
        "timezone",
        "'Europe/Berln'",
        "timezone: 'Europe/Berln' is not a time zone; did you mean Europ",
    ),
]


@pytest.mark.parametrize(("key", "value", "message"), BAD)
@pytest.mark.parametrize("header", ["[sweeps.old-mail]", "[[retention]]"])
def test_each_key_is_checked(
    tmp_path: Path, header: str, key: str, value: str | None, message: str
) -> None:
    """The sentence names the file, the section or the rule, and the key, and what to do."""
    lines = [line for line in GOOD.splitlines() if not line.startswith(f"{key} ")]
    lines += [f"{key} = {value}"] if value is not None else []
    first = RULE if header == "[[retention]]" else ""
    found = refusal(tmp_path, "\n".join([first, header, *lines]))
    shown = "[[retention]] rule 2" if first else header
    assert found.startswith(f"maint.toml {shown} {message}")


@pytest.mark.parametrize("keep", ["5400s", "1h30m", "90mo"])
def test_unambiguous_ages_are_accepted(tmp_path: Path, keep: str) -> None:
    """What the refusal of 90m says to write, and hours with minutes."""
    found = rule_of(read(tmp_path, SWEEP.replace("14d", keep)))
    assert found.keep == duration(keep)


def test_allow_sql_false_refuses_a_condition(tmp_path: Path) -> None:
    """allow-sql = false is not there by accident."""
    text = f"{SWEEP}where = 'true'\nallow-sql = false\n"
    assert "allow-sql = true beside it" in refusal(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (RULE.replace("column", "colum"), "[[retention]] rule 1: unknown key colum; did you mean"),
        (RULE + "older-than = '1d'\n", "[[retention]] rule 1: unknown key older-than; known: all"),
        (RULE + "show = ['id']\n", "[[retention]] rule 1: unknown key show; known: "),
        (SWEEP.replace("table", "tabel"), "[sweeps.old-mail]: unknown key tabel; did you mean tab"),
        (SWEEP + "show = 'id'\n", '[sweeps.old-mail] show: it is text and must be a list: ["…"].'),
        (SWEEP + "show = ['']\n", "[sweeps.old-mail] show: in its list, it is blank; take it out."),
        (SWEEP + "enabled = 'no'\n", "[sweeps.old-mail] enabled: it is text and must be true or"),
        (SWEEP + "schedule = 5\n", "[sweeps.old-mail] schedule: it is a number and must be a list"),
        (SWEEP + "description = ''\n", "[sweeps.old-mail] description: it is blank; give it a val"),
        (
            SWEEP + "schedule-timezone = 'X'\n",
            "[sweeps.old-mail] schedule-timezone: 'X' is not a tim",
        ),
        ("sweeps = 5", "sweeps: it is a number and must be a table: [sweeps]."),
        ("[sweeps]\nx = 5", "[sweeps] x: it is a number and must be a table: [sweeps.x]."),
        ("[[sweeps]]\nx = 5", "sweeps: it is a list and must be a table: [sweeps]."),
        ("retention = 5", "retention: it is a number and must be a list of tables; write [[retent"),
        ("[retention]\nx = 5", "retention: it is a table and must be a list of tables; write [[re"),
        ("retention = [5]", "retention: in its list, it is a number and must be a list of tables"),
    ],
)
def test_bad_rules_are_errors(tmp_path: Path, text: str, message: str) -> None:
    """Unknown keys with what was probably meant, wrong types at every level."""
    assert refusal(tmp_path, text).startswith(f"maint.toml {message}")


@pytest.mark.parametrize(
    "name",
    ["Old-mail", "old_mail", "'old mail'", "-old", "old-", "o--d", "2-old", "''", "jobs-runner"],
)
def test_a_name_must_be_that_of_a_command(tmp_path: Path, name: str) -> None:
    """What a shell, a variable or the ledger would stumble over is refused."""
    found = refusal(tmp_path, SWEEP.replace("old-mail", f'"{name}"' if name[0] != "'" else name))
    assert "cannot be the name of a command; use up to 40 lowercase letters" in found


def test_a_name_has_at_most_40_characters(tmp_path: Path) -> None:
    """40 characters will do, 41 will not."""
    assert list(read(tmp_path, SWEEP.replace("old-mail", "a" * 40)).sweeps) == ["a" * 40]
    assert "cannot be the name" in refusal(tmp_path, SWEEP.replace("old-mail", "a" * 41))


def test_options_of_a_sweep_stand_in_its_section(tmp_path: Path) -> None:
    """Its own keys are no options; a misspelt one is found among both."""
    options = [KEEP, Option(name="max_percent", kind=Kind.PERCENT, default=50.0)]
    text = f'{SWEEP}max-percent = 20\nshow = ["id"]\nschedule = "1 * * * *"\n'
    found = read(tmp_path, text).resolve("old-mail", options, {})
    place = "maint.toml [sweeps.old-mail]"
    assert (found["max_percent"].value, found["max_percent"].origin) == (20, f"{place} max-percent")
    assert found["keep"].origin == f"{place} keep"
    stronger = read(tmp_path, text, MAINT_OLD_MAIL_KEEP="3d").resolve("old-mail", options, {})
    assert (str(stronger["keep"].value), stronger["keep"].origin) == (
        "3d",
        "environment MAINT_OLD_MAIL_KEEP",
    )
    for wrong, meant in (("max-percnt = 1", "max-percent"), ("shwo = ['id']", "show")):
        with pytest.raises(ConfigError) as caught:
            _ = read(tmp_path, f"{SWEEP}{wrong}\n").resolve("old-mail", options, {})
        key = wrong.partition(" ")[0]
        assert str(caught.value) == f"{place}: unknown key {key}; did you mean {meant}?"


def test_jobs_section_of_a_sweep_is_refused(tmp_path: Path) -> None:
    """[jobs.NAME] of a configured sweep says where they belong."""
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f"{SWEEP}[jobs.old-mail]\nmax-percent = 20\n").check_jobs(["old-mail"])
    assert str(caught.value) == (
        "maint.toml [jobs.old-mail]: take it out; [sweeps.old-mail] enables the job and"
        " holds its settings."
    )


def test_the_hash_tells_rules_apart(tmp_path: Path) -> None:
    """A shorter retention is another configuration."""
    hashes = {
        read(tmp_path, text.replace("14d", age)).hash
        for text in (SWEEP, RULE, SWEEP + RULE)
        for age in ("14d", "13d")
    }
    assert len(hashes) == 6


def test_rules_are_shown_as_written(tmp_path: Path) -> None:
    """With their place; what a variable stands for is not told."""
    text = f"{SWEEP}where = \"a = '${{HIDDEN}}'\"\nallow-sql = true\n{RULE}name = 'mail'\n"
    rows = settings(read(tmp_path, text, HIDDEN="canary"), [("old-mail", [KEEP])])
    place, rule = "maint.toml [sweeps.old-mail]", "maint.toml [[retention]] rule 1"
    assert [row for row in rows if row.section.startswith(("sweeps", "retention"))] == [
        Setting("sweeps.old-mail", "keep", "14d", f"{place} keep"),
        Setting("sweeps.old-mail", "table", "mail.messages", f"{place} table"),
        Setting("sweeps.old-mail", "column", "sent_at", f"{place} column"),
        Setting("sweeps.old-mail", "where", "a = '${HIDDEN}'", f"{place} where"),
        Setting("sweeps.old-mail", "allow-sql", "true", f"{place} allow-sql"),
        Setting("retention.1", "table", "mail.messages", f"{rule} table"),
        Setting("retention.1", "column", "sent_at", f"{rule} column"),
        Setting("retention.1", "keep", "14d", f"{rule} keep"),
        Setting("retention.1", "name", "mail", f"{rule} name"),
    ]


def test_a_configuration_with_rules_prints_no_secret(tmp_path: Path) -> None:
    """The repr holds no condition."""
    text = f"{SWEEP}where = \"a = '${{HIDDEN}}'\"\nallow-sql = true\n"
    assert "canary" not in repr(read(tmp_path, text, HIDDEN="canary"))


def test_without_rules_nothing_is_made(tmp_path: Path) -> None:
    """No section, no sweep, no rule."""
    config = read(tmp_path, "")
    assert (dict(config.sweeps), config.retention, config.has("retention")) == ({}, (), False)
    assert read(tmp_path, RULE).has("retention")
