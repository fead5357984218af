-- One row an attempt at an item of a queue: entered with the claim, completed with the settle. One
-- without an outcome whose lease has ended may have been acted upon: a possible duplicate. `n` is
-- the item's own count, which an outage of the provider does not raise.
CREATE TABLE job_attempts (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id           uuid NOT NULL,
    job              text NOT NULL,
    item_key         text NOT NULL,
    n                integer NOT NULL,
    started_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    lease_expires_at timestamptz NOT NULL,
    finished_at      timestamptz,
    outcome          text CHECK (outcome IN (
                         'done', 'permanent', 'transient', 'provider', 'limited', 'unknown')),
    message          text
);

CREATE INDEX job_attempts_item ON job_attempts (job, item_key, id);
CREATE INDEX job_attempts_run_id ON job_attempts (run_id);
CREATE INDEX job_attempts_open ON job_attempts (job, lease_expires_at) WHERE outcome IS NULL;

-- How far a job has got with each of its sources. It moves in the transaction of the work up to
-- there; what `position` holds is the job's own.
CREATE TABLE job_watermarks (
    job        text NOT NULL,
    name       text NOT NULL,
    position   jsonb NOT NULL,
    run_id     uuid NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (job, name)
) WITH (fillfactor = 50);

-- Objects in a store that were found without a row in the database. One is removed only once
-- several runs have seen it so; `version` tells an object that was replaced since.
CREATE TABLE job_sightings (
    job           text NOT NULL,
    location      text COLLATE "C" NOT NULL,
    key           text COLLATE "C" NOT NULL,
    version       text NOT NULL,
    runs          integer NOT NULL DEFAULT 1,
    first_seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_run_id   uuid NOT NULL,
    PRIMARY KEY (job, location, key)
) WITH (fillfactor = 80);

-- One row each time a dead item was put back into its queue: by whom, why, and what it had died of.
CREATE TABLE job_replays (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id      uuid NOT NULL,
    job         text NOT NULL,
    item_key    text NOT NULL,
    n           integer NOT NULL,
    is_canary   boolean NOT NULL,
    replayed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    replayed_by text NOT NULL,
    reason      text,
    error       text,
    UNIQUE (job, item_key, n)
);
