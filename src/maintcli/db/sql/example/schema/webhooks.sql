-- Where customers want their events; 410 Gone disables one.
CREATE TABLE webhook_endpoints (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    url         text NOT NULL,
    secret      text NOT NULL CHECK (starts_with(secret, 'whsec_')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    disabled_at timestamptz
);

-- Events to deliver, a row per event and endpoint; json keeps the body's bytes for the signature.
CREATE TABLE outbox (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id        uuid NOT NULL DEFAULT gen_random_uuid(),
    event_type      text NOT NULL,
    payload         json NOT NULL,
    endpoint        uuid NOT NULL REFERENCES webhook_endpoints,
    status          text NOT NULL DEFAULT 'pending' CHECK (status IN (
                        'pending', 'delivered', 'dead')),
    attempts        integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    replay_count    integer NOT NULL DEFAULT 0 CHECK (replay_count >= 0),
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    locked_until    timestamptz,
    run_token       uuid,
    response_status integer,
    error_message   text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    delivered_at    timestamptz,
    UNIQUE (event_id, endpoint),
    CONSTRAINT outbox_delivered_check CHECK ((delivered_at IS NOT NULL) = (status = 'delivered'))
);

CREATE INDEX ON outbox (endpoint);
CREATE INDEX ON outbox (next_attempt_at, id) WHERE status = 'pending';
CREATE INDEX ON outbox (created_at, id) WHERE status = 'dead';
CREATE INDEX ON outbox (delivered_at) WHERE status = 'delivered';
