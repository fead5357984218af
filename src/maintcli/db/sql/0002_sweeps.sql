-- A run may be one of `parts` that share a table; `retention` are the ages it swept by, so that the
-- next run can tell a shortened one; `backlog` is what was due and left.
ALTER TABLE job_runs
    ADD COLUMN run_group text,
    ADD COLUMN part      integer,
    ADD COLUMN parts     integer,
    ADD COLUMN retention jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN backlog   bigint;

CREATE INDEX job_runs_run_group ON job_runs (run_group) WHERE run_group IS NOT NULL;

-- The files of a run's archive that count: each was entered with the batch that deleted its rows.
-- `position` is their order over all runs, as runs that share a table go on at once. `restored` are
-- the tables whose rows without a key have gone back already.
CREATE TABLE job_archives (
    run_id     uuid NOT NULL REFERENCES job_runs ON DELETE CASCADE,
    number     bigint NOT NULL,
    location   text NOT NULL,
    file       text NOT NULL,
    sha256     text NOT NULL,
    size_bytes bigint NOT NULL,
    rows       jsonb NOT NULL,
    restored   text[] NOT NULL DEFAULT '{}',
    position   bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (run_id, number)
);

-- What was erased of whom, and when: counts by table alone. A row grows with the batches of one or
-- more runs, `run_id` being the last; while `erased_at` is NULL, something may be left.
CREATE TABLE job_erasures (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id    uuid NOT NULL,
    subject   text NOT NULL,
    begun_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    erased_at timestamptz,
    counts    jsonb NOT NULL DEFAULT '{}'
) WITH (fillfactor = 50);

CREATE INDEX job_erasures_subject ON job_erasures (subject);
CREATE UNIQUE INDEX job_erasures_open ON job_erasures (subject) WHERE erased_at IS NULL;
