-- Document runs a user asked for; one never started is abandoned after a while.
CREATE TABLE processing_jobs (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id    bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    status     text NOT NULL DEFAULT 'pending' CHECK (status IN (
                   'pending', 'running', 'completed', 'failed', 'abandoned')),
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    CONSTRAINT processing_jobs_not_started_check
        CHECK (started_at IS NULL OR status NOT IN ('pending', 'abandoned')),
    CONSTRAINT processing_jobs_started_check
        CHECK (started_at IS NOT NULL OR status NOT IN ('running', 'completed'))
);

CREATE INDEX ON processing_jobs (user_id);
CREATE INDEX ON processing_jobs (created_at) WHERE started_at IS NULL;

-- Files uploaded for a document run; go with it.
CREATE TABLE source_files (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id     uuid NOT NULL REFERENCES processing_jobs ON DELETE CASCADE,
    object_key text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX ON source_files (job_id);

-- Objects in the bucket. The owner is a user's id without a foreign key: here orphans are found.
CREATE TABLE stored_files (
    object_key text PRIMARY KEY,
    owner      bigint NOT NULL,
    size_bytes bigint NOT NULL CHECK (size_bytes >= 0),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX ON stored_files (owner);
CREATE INDEX ON stored_files (created_at);
