-- Exports users asked for; one that kept failing is a dead letter.
CREATE TABLE export_jobs (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind          text NOT NULL,
    status        text NOT NULL DEFAULT 'pending' CHECK (status IN (
                      'pending', 'running', 'completed', 'dead')),
    attempts      integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    replay_count  integer NOT NULL DEFAULT 0 CHECK (replay_count >= 0),
    error_message text,
    created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX ON export_jobs (status, created_at, id);
