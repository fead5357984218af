-- A job's heartbeat, pause and lease: one row a job. The row is also the job's lock.
CREATE TABLE job_heartbeats (
    name                 text PRIMARY KEY,
    last_heartbeat       timestamptz,
    runner_id            text,
    last_success_at      timestamptz,
    consecutive_failures integer NOT NULL DEFAULT 0,
    last_error           text,
    last_error_at        timestamptz,
    paused_at            timestamptz,
    paused_by            text,
    pause_reason         text,
    lease_token          bigint NOT NULL DEFAULT 0,
    lease_expires_at     timestamptz,
    lease_run_id         uuid
) WITH (fillfactor = 50);

-- The ledger: one row a run, kept true by the same transactions that do the work.
CREATE TABLE job_runs (
    run_id        uuid PRIMARY KEY,
    job           text NOT NULL,
    outcome       text NOT NULL DEFAULT 'running' CHECK (outcome IN (
                      'running', 'success', 'skipped', 'partial', 'refused',
                      'failed', 'timeout', 'interrupted', 'lost')),
    exit_code     smallint,
    origin        text NOT NULL,
    scheduled_for timestamptz,
    host          text NOT NULL,
    runner_id     text NOT NULL,
    version       text NOT NULL,
    config_hash   text NOT NULL,
    parameters    jsonb NOT NULL,
    lease_token   bigint NOT NULL,
    started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at   timestamptz,
    batches       bigint NOT NULL DEFAULT 0,
    deleted_count bigint NOT NULL DEFAULT 0,
    updated_count bigint NOT NULL DEFAULT 0,
    counts        jsonb NOT NULL DEFAULT '{}',
    message       text
) WITH (fillfactor = 50);

CREATE INDEX job_runs_job_started_at ON job_runs (job, started_at DESC);
CREATE INDEX job_runs_running ON job_runs (job) WHERE outcome = 'running';

-- The places that bound how many jobs run at once; a row is taken like a lease.
CREATE TABLE job_slots (
    slot             integer PRIMARY KEY,
    lease_expires_at timestamptz,
    lease_run_id     uuid
);
