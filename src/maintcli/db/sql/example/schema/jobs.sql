-- Background work. Priority 0 is urgent, 1 high, 2 normal, 3 low.
CREATE TABLE jobs (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    type          text NOT NULL,
    status        text NOT NULL DEFAULT 'pending' CHECK (status IN (
                      'pending', 'running', 'completed', 'failed')),
    priority      smallint NOT NULL DEFAULT 2 CHECK (priority BETWEEN 0 AND 3),
    payload       jsonb NOT NULL DEFAULT '{}',
    progress      jsonb,
    on_done       text CHECK (on_done IN ('email')),
    retry_count   integer NOT NULL DEFAULT 0 CHECK (retry_count >= 0),
    error_message text,
    cron_id       bigint REFERENCES cron_jobs ON DELETE SET NULL,
    scheduled_for timestamptz,
    run_after     timestamptz NOT NULL DEFAULT now(),
    locked_until  timestamptz,
    run_token     uuid,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    started_at    timestamptz,
    finished_at   timestamptz,
    UNIQUE (cron_id, scheduled_for),
    CONSTRAINT jobs_started_check CHECK (status <> 'running' OR started_at IS NOT NULL),
    CONSTRAINT jobs_finished_check
        CHECK ((finished_at IS NOT NULL) = (status IN ('completed', 'failed')))
);

CREATE INDEX ON jobs (priority, created_at, id) WHERE status = 'pending';
CREATE INDEX ON jobs (run_after, id) WHERE status = 'pending';
CREATE INDEX ON jobs (locked_until) WHERE status = 'running';
CREATE INDEX ON jobs (status, finished_at) WHERE finished_at IS NOT NULL;
