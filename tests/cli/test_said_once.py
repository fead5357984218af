"""A failure is said once, however many streams and files there are."""

from pathlib import Path

import pytest

from tests.jobs.every import Conn
from tests.parts.inside import Inside

FAILURES = {
    "the job's own configuration": (78, ["cleanup-queues"], "works only on what you name"),
    "a table that is not there": (78, ["missing"], "There is no table nowhere."),
    "a guard": (65, ["cleanup-sessions", "--stale-after", "0s"], "--stale-after"),
    "rows that stay": (3, ["cleanup-sessions"], "legal hold"),
    "several runs": (78, ["run", "cleanup-queues", "missing"], "works only on what you name"),
    "all databases": (78, ["cleanup-queues", "--database", "all"], "works only on what you name"),
    "a pause": (0, ["cleanup-sessions"], "paused since"),
}
HOLD = """CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'legal hold'; END $$;
CREATE TRIGGER hold BEFORE DELETE ON active_sessions FOR EACH ROW EXECUTE FUNCTION hold()"""


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_is_said_once(inside: Inside, conn: Conn, failure: str) -> None:
    """On standard error, with the time and the job; the log file has it once, too."""
    code, words, clause = FAILURES[failure]
    (inside.folder / "maint.toml").write_text(
        '[sweeps.missing]\ntable = "nowhere"\ncolumn = "at"\nkeep = "1d"\n'
    )
    conn.execute("INSERT INTO active_sessions VALUES ('s', 'k', '2001-01-01')")
    if failure == "rows that stay":
        conn.execute(HOLD)
    if failure == "a pause":
        assert inside("pause", "cleanup-sessions").code == 0
    log = Path(inside.folder, "maint.log")
    for options in ((), ("--quiet",), ("--log-file", str(log))):
        found = inside(*words, *options)
        assert found.code == code, found.err
        whole = found.err.partition("ERROR ")[2].partition(" ")[2].partition("\n")[0] or clause
        assert clause in whole
        times = 0 if (code, options) == (0, ("--quiet",)) else 1
        assert (found.err.count(whole), found.out.count(whole)) == (times, 0)
    assert log.read_text().count(whole) == 1


def test_json_has_the_failure_on_its_own_stream(inside: Inside) -> None:
    """The object has it as its message, for programs; standard error for people."""
    found = inside("cleanup-queues", "--json")
    assert found.json["message"] in found.err
    assert found.err.count("works only on what you name") == 1
