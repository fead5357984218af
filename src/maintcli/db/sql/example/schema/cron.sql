-- Schedules kept in the database; NULL next_run_at means not computed yet.
CREATE TABLE cron_jobs (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name            text NOT NULL UNIQUE,
    description     text,
    cron_expression text NOT NULL,
    timezone        text NOT NULL DEFAULT 'UTC',
    job_type        text NOT NULL,
    configuration   jsonb NOT NULL DEFAULT '{}',
    misfire         text NOT NULL DEFAULT 'latest' CHECK (misfire IN ('latest', 'all', 'skip')),
    overlap         text NOT NULL DEFAULT 'allow' CHECK (overlap IN ('allow', 'skip')),
    is_active       boolean NOT NULL DEFAULT true,
    next_run_at     timestamptz,
    last_run_at     timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX ON cron_jobs (next_run_at) WHERE is_active;

-- Each scheduled time that was enqueued; the key lets it happen only once.
CREATE TABLE cron_fires (
    cron_id       bigint NOT NULL REFERENCES cron_jobs ON DELETE CASCADE,
    scheduled_for timestamptz NOT NULL,
    fired_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (cron_id, scheduled_for)
);

CREATE INDEX ON cron_fires (fired_at);
