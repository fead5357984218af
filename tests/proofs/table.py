"""The tables under fire, one for each plan, and the gates that hold a run up on the server."""

from dataclasses import dataclass
from typing import Literal, LiteralString

Way = Literal["heap", "index"]


@dataclass(frozen=True)
class Kind:
    """A table: so many rows, one in `stale_in` stale, one stale row in `slow_in` 1 ms to delete.

    Slow rows make many batches, and time to hit them.
    """

    rows: int
    fill: int
    stale_in: int
    slow_in: int
    index: bool


KINDS: dict[Way, Kind] = {
    "heap": Kind(rows=4_000, fill=40, stale_in=4, slow_in=2, index=False),
    "index": Kind(rows=26_000, fill=80, stale_in=40, slow_in=1, index=True),
}
"""No index: block ranges. An index, over 256 blocks and under 3 % stale: windows along it."""

SETUP: LiteralString = """
ALTER TABLE active_sessions SET (fillfactor = %(fill)s);
CREATE TABLE saved AS
    SELECT 's' || lpad(i::text, 7, '0') AS session_id, md5(i::text) AS access_key,
           now() - random() * interval '10 minutes'
                 - CASE WHEN i %% %(stale_in)s = 0 THEN interval '1 day' ELSE interval '0' END
               AS last_heartbeat
    FROM generate_series(1, %(rows)s) AS i;
CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(0.001); RETURN old; END $$;
CREATE TRIGGER slow BEFORE DELETE ON active_sessions FOR EACH ROW
    WHEN (substr(old.session_id, 2)::int %% (%(stale_in)s * %(slow_in)s) = 0)
    EXECUTE FUNCTION dawdle();
CREATE TABLE gate (open boolean NOT NULL);
CREATE FUNCTION wait_for_gate() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN WHILE NOT EXISTS (SELECT FROM public.gate WHERE open) LOOP PERFORM pg_sleep(0.005); END LOOP;
    RETURN NULL; END $$;
"""
GATE_OF_ENDS: LiteralString = """
CREATE TABLE seen (failures integer, error text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO public.seen VALUES (new.consecutive_failures, new.last_error);
    RETURN NULL; END $$;
CREATE TRIGGER a_note AFTER UPDATE ON job_heartbeats FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER b_gate AFTER UPDATE ON job_heartbeats FOR EACH ROW
    WHEN (new.lease_expires_at IS NULL AND new.lease_token > 0) EXECUTE FUNCTION wait_for_gate();
"""
RESTORE: LiteralString = """
TRUNCATE active_sessions, job_runs, job_archives, job_heartbeats, job_slots;
INSERT INTO active_sessions SELECT * FROM saved;
"""
