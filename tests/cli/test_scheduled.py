"""The declaration: [jobs.NAME], [sweeps.NAME] and [[schedules]], as schedulers are told of it"""

from pathlib import Path

import pytest

from maintcli.cli.scheduled import scheduled
from maintcli.config.load import load
from maintcli.errors import ConfigError
from maintcli.schedules.model import Entry
from tests.parts.enabled import enable

SWEEP = '[sweeps.old-mail]\ntable = "mail.messages"\ncolumn = "sent_at"\nkeep = "14d"\n'
EXTRA = '[[schedules]]\njob = "cleanup-sessions"\nname = "sessions-nightly"\n'


def entries(cwd: Path, text: str, **environ: str) -> dict[str, Entry]:
    """The entries of a maint.toml that says `text`."""
    _ = (cwd / "maint.toml").write_text(text)
    found = scheduled(load(environ=environ, cwd=cwd))
    assert len({entry.key for entry in found}) == len(found)
    return {entry.key: entry for entry in found}


def refusal(cwd: Path, text: str) -> str:
    """The message with which `text` is refused."""
    with pytest.raises(ConfigError) as caught:
        entries(cwd, text)
    return str(caught.value)


def test_each_job_that_is_named_has_its_own_time(tmp_path: Path) -> None:
    """Only of those that have something to do; without a name there is none."""
    assert entries(tmp_path, "") == {}
    found = entries(tmp_path, enable())
    sessions = found["cleanup-sessions"]
    assert sessions.expressions == ("*/5 * * * *",)
    assert (sessions.zone, sessions.timeout_seconds, sessions.options) == ("UTC", 60, ())
    assert sessions.command == ("cleanup-sessions",)
    assert "retention-cleanup" not in found  # no rule is written
    assert found["cleanup-old-analytics"].heavy
    assert not sessions.heavy
    assert all(entry.is_default for entry in found.values())
    sections = "[jobs.cleanup-sessions]\n[jobs.cleanup-orphans]\nevery = '1d'\n"
    named = entries(tmp_path, f"{sections}{EXTRA}every = '1h'\n")
    assert named.keys() == {"cleanup-sessions", "cleanup-orphans", "sessions-nightly"}
    said = {key for key, entry in named.items() if not entry.is_default}
    assert said == {"sessions-nightly", "cleanup-orphans"}


def test_the_file_has_the_last_word(tmp_path: Path) -> None:
    """Schedule, zone, timeout and options; disabled ones are left out."""
    found = entries(
        tmp_path,
        '[jobs.cleanup-sessions]\nschedule = ["0 2 * * sun", "5/20 9 * * *"]\n'
        'timezone = "Asia/Tokyo"\ntimeout = "5m"\noptions = "--stale-after \'2 m\'"\n'
        "[jobs.cleanup-old-sessions]\nenabled = false\n",
    )
    assert found["cleanup-sessions"] == Entry(
        key="cleanup-sessions",
        job="cleanup-sessions",
        summary="Remove sessions that have stopped sending heartbeats.",
        expressions=("0 2 * * 0", "5-59/20 9 * * *"),
        zone="Asia/Tokyo",
        timeout_seconds=300,
        options=("--stale-after", "2 m"),
        heavy=True,
    )
    assert "cleanup-old-sessions" not in found


def test_how_often_is_enough(tmp_path: Path) -> None:
    """The minute is a hash of the key, so that two entries do not share it."""
    text = "[jobs.cleanup-sessions]\nevery = '15m'\n" + EXTRA + "every = '15m'\n"
    found = entries(tmp_path, text)
    own, extra = found["cleanup-sessions"], found["sessions-nightly"]
    assert own.every == extra.every == "15m"
    assert own.expressions == ("14-59/15 * * * *",)
    assert extra.expressions != own.expressions


def test_a_configured_sweep_is_a_job(tmp_path: Path) -> None:
    """Once it has a schedule; its timezone is that of its column."""
    assert "old-mail" not in entries(tmp_path, SWEEP)
    timed = f'{SWEEP}every = "1d"\nschedule-timezone = "Asia/Tokyo"\noptions = ["--limit=5"]\n'
    found = entries(tmp_path, timed)["old-mail"]
    assert (found.zone, found.options, found.heavy) == ("Asia/Tokyo", ("--limit=5",), True)


def test_a_job_once_more_with_other_options(tmp_path: Path) -> None:
    """[[schedules]] has its own key, zone and options; the timeout is that of the run."""
    found = entries(
        tmp_path,
        f'{EXTRA}schedule = "H H(1-3) * * *"\ntimezone = "Europe/Berlin"\n'
        'options = ["--timeout", "10m", "-n"]\n',
    )
    extra = found["sessions-nightly"]
    assert (extra.job, extra.zone, extra.timeout_seconds) == (
        "cleanup-sessions",
        "Europe/Berlin",
        600,
    )
    assert extra.command == ("cleanup-sessions", "--timeout", "10m", "-n")
    assert not extra.heavy  # it only looks
    assert 1 <= int(extra.expressions[0].split()[1]) <= 3
    assert "cleanup-sessions" not in found  # whose own schedule is not named
    off = entries(tmp_path, f'{EXTRA}every = "1h"\nenabled = false\n')
    assert "sessions-nightly" not in off


def test_an_option_may_be_what_the_job_needs(tmp_path: Path) -> None:
    """And each of several databases has its time."""
    text = (
        f'{EXTRA}every = "1h"\noptions = ["--database", "all", "--timeout=1m"]\n'
        '[databases.one]\nurl = "env:ONE"\n[databases.two]\nurl = "env:TWO"\n'
    )
    databases = len(load(environ={}, cwd=_with(tmp_path, text)).databases)
    assert databases >= 2
    assert entries(tmp_path, text)["sessions-nightly"].timeout_seconds == 60 * databases


def _with(cwd: Path, text: str) -> Path:
    _ = (cwd / "maint.toml").write_text(text)
    return cwd


JOB = "[jobs.cleanup-sessions]\n"
TRIGGER = "[triggers.x]\nurl = 'https://backend.example.com'\nauth = 'none'\n"
AGAIN = "[[schedules]]\njob = 'trigger-x'\nname = 'y'\nevery = '1h'\n"
WRONG = [
    (f'{JOB}every = "5m"\nschedule = "* * * * *"', "every: it cannot be combined with schedule"),
    (f'{JOB}every = "7m"', "every: cron cannot say each 7m evenly; the nearest that it can are 6m"),
    (f'{JOB}every = "often"', "every: 'often' is not a duration; write e.g. 90s"),
    (f"{JOB}every = 5", "every: it is a number and must be text in quotes."),
    (f"{JOB}schedule = 'H/99 * * * *'", "schedule: 'H/99' has a step of 99; take 1 to 60."),
    (f"{JOB}schedule = '0 0 30 2 *'", "schedule: '0 0 30 2 *'"),
    (f"{JOB}options = 5", "options: it is a number and must be a list"),
    (f"{JOB}options = '\"'", "options: a quotation mark is left open; write a list"),
    (
        f"{JOB}options = ['--stale-aftr', '2m']",
        "options: cleanup-sessions has no option '--stale-aftr'; did you mean --stale-after?",
    ),
    (f"{JOB}options = ['--quite']", "did you mean --quiet?"),
    (f"{JOB}options = ['2m']", "options: '2m' is no option; cleanup-sessions takes options alone"),
    (f"{JOB}options = ['--stale-after']", "options: --stale-after lacks its value; write it as"),
    (f"{JOB}options = ['--dry-run=yes']", "options: --dry-run takes no value; write --dry-run al"),
    (f"{JOB}options = ['--timeout=0s']", "options: --timeout: 0s is too small; it must be"),
    (f"{JOB}options = ['--stale-after=soon']", "options: --stale-after: 'soon' is not a duration"),
    (f"{JOB}parallelism = 0", "parallelism: 0"),
    ("[jobs.reconcile-stragglers]\nparallelism = 2", "parallelism: reconcile-stragglers cannot be"),
    (
        "schedules = 5",
        "schedules: it is a number and must be a list of tables; write [[schedules]]",
    ),
    ("schedules = [5]", "schedules: in its list, it is a number and must be a list of tables"),
    ("[[schedules]]\nname = 'x'\nevery = '1h'", "[[schedules]] entry 1 job: it is missing; write"),
    ("[[schedules]]\njob = 'cleanup-sessions'", "[[schedules]] entry 1 name: it is missing; write"),
    (EXTRA, "[[schedules]] entry 1: it is never due; write schedule ="),
    (f"{EXTRA}schedule = []", "[[schedules]] entry 1: it is never due; write schedule ="),
    (f"{JOB}schedul = '5 * * * *'", "unknown key schedul; did you mean schedule?"),
    (f"{TRIGGER}schedul = '5 * * * *'", "[triggers.x]: unknown key schedul; did you mean schedul"),
    (
        f"{TRIGGER}every = '1h'\noptions = ['--database=all']",
        "[triggers.x] options: --database all would send it once for each database; name one",
    ),
    (
        f"{TRIGGER}{AGAIN}options = ['--database', 'all']",
        "[[schedules]] entry 1 options: --database all would send it once for each database;",
    ),
    (f"{EXTRA}evry = '1h'", "[[schedules]] entry 1: unknown key evry; did you mean every?"),
    (
        f"{EXTRA}every = '1h'\ntimezone = 'Mars'",
        "[[schedules]] entry 1 timezone: 'Mars' is not a time",
    ),
    (
        f"{EXTRA}every = '1h'\noptions = ['--lmit=5']",
        "entry 1 options: cleanup-sessions has no opt",
    ),
    (
        f"{EXTRA}every = '1h'\nenabled = false\nschedule = '* * * * *'",
        "[[schedules]] entry 1 every: it cannot be combined with schedule",
    ),
    (
        f"{EXTRA}every = '1h'\n{EXTRA}every = '2h'",
        "[[schedules]] entry 2 name: sessions-nightly is the name of entry 1; change one.",
    ),
    (
        "[[schedules]]\njob = 'cleanup-sesions'\nname = 'x'\nevery = '1h'",
        "entry 1 job: there is no job 'cleanup-sesions'; did you mean cleanup-sessions?",
    ),
    (
        "[[schedules]]\njob = 'cleanup-sessions'\nname = 'cleanup-sessions'\nevery = '1h'",
        "name: cleanup-sessions is a job or a command of maint; take e.g. cleanup-sessions-nightly.",
    ),
    (
        "[[schedules]]\njob = 'cleanup-sessions'\nname = 'A B'\nevery = '1h'",
        "name: 'A B' has more than lowercase letters, digits and single hyphens",
    ),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_what_is_wrong_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    """Where it stands, what is wrong, and what to write."""
    found = refusal(tmp_path, text)
    assert found.startswith("maint.toml ")
    assert message in found
    assert found.endswith((".", "?"))


def test_a_value_that_no_run_could_use_is_refused_where_it_is_scheduled(tmp_path: Path) -> None:
    """It would fail each time; what holds ${NAME} is known only where the run is."""
    section = "[jobs.cleanup-sessions]\n"
    for line, words in (
        ("stale-after = 60", "stale-after: '60' has a number without a unit; write e.g. 90s"),
        ("max-percent = 500", "max-percent: 500 is too large; it must be at most 100."),
        ("schedule = []", "schedule: its list is empty; give it a time or remove the line."),
    ):
        assert words in refusal(tmp_path, f"{section}{line}\n")
    assert entries(tmp_path, f'{section}stale-after = "${{ELSEWHERE}}"\n')
