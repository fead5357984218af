-- Mail that has not gone out yet; attempts and last_attempt together fence a claim.
CREATE TABLE email_retry_queue (
    order_id     text NOT NULL,
    email_type   text NOT NULL,
    attempts     integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    created      timestamptz NOT NULL DEFAULT now(),
    last_attempt timestamptz,
    recipient    text NOT NULL,
    payload      jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (order_id, email_type),
    CONSTRAINT email_retry_queue_attempted_check CHECK (attempts = 0 OR last_attempt IS NOT NULL)
);

CREATE INDEX ON email_retry_queue (attempts, last_attempt);

-- Mail that was given up; a NULL notified_at still owes the administrator a digest.
CREATE TABLE email_given_up (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id     text NOT NULL,
    email_type   text NOT NULL,
    attempts     integer NOT NULL CHECK (attempts >= 0),
    created      timestamptz NOT NULL,
    last_attempt timestamptz,
    recipient    text NOT NULL,
    payload      jsonb NOT NULL DEFAULT '{}',
    reason       text NOT NULL CHECK (reason IN ('attempts', 'expired', 'permanent')),
    last_error   text,
    given_up_at  timestamptz NOT NULL DEFAULT now(),
    notified_at  timestamptz
);

CREATE INDEX ON email_given_up (given_up_at);
CREATE INDEX ON email_given_up (id) WHERE notified_at IS NULL;
