"""Which jobs are expected to run."""

from pathlib import Path

import pytest

from maintcli import registry
from maintcli.api import Annotated, Job, Opt, Run, job, needs
from maintcli.cli import declared
from maintcli.cli.declared import Declared
from maintcli.config.load import load


@needs("names")
@job(schedule="0 1 * * *", group="Retention")
def tidy_names(run: Run, *, names: Annotated[tuple[str, ...], Opt("Which.")] = ()) -> None:
    """Tidy what is named."""
    run.info(",".join(names))


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Job:
    """The job above, as the catalog's only one."""
    entry = registry.Entry(f"{__name__}:tidy_names", tidy_names.summary, tidy_names.group)
    monkeypatch.setattr(registry, "JOBS", {"tidy-names": entry})
    return tidy_names


def one(cwd: Path, text: str, **environ: str) -> Declared:
    """The job as a maint.toml that says `text` declares it."""
    _ = (cwd / "maint.toml").write_text(text)
    return declared.declared(load(environ=environ, cwd=cwd))["tidy-names"]


@pytest.mark.usefixtures("known")
def test_a_job_that_needs_an_option_waits_for_it(tmp_path: Path) -> None:
    """An empty list is nothing to do; the file and the variable are where it is given."""
    bare = one(tmp_path, "")
    assert (bare.is_configured, bare.schedule.is_on, bare.schedule.enabled) == (False, False, False)
    named = one(tmp_path, "[jobs.tidy-names]\n")
    assert (named.is_enabled, named.is_configured, named.schedule.is_on) == (True, False, False)
    filed = one(tmp_path, '[jobs.tidy-names]\nnames = ["a"]\n')
    assert (filed.is_configured, filed.schedule.is_on) == (True, True)
    variable = one(tmp_path, 'jobs = ["tidy-names"]\n', MAINT_TIDY_NAMES_NAMES="a,b")
    assert variable.schedule.is_on
    assert not one(tmp_path, "", MAINT_TIDY_NAMES_NAMES="a,b").schedule.is_on
    off = one(tmp_path, '[jobs.tidy-names]\nnames = ["a"]\nenabled = false\n')
    assert (off.is_configured, off.schedule.is_on) == (True, False)


def test_what_is_needed_must_be_known() -> None:
    """A misspelt parameter is found when the job is declared."""
    with pytest.raises(TypeError, match="tidy-names: there is no nmaes that could be configured"):
        needs("nmaes")(tidy_names)
