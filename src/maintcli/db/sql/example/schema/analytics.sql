-- What happened, when it happened, and when we heard of it.
CREATE TABLE analytics_events (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_type  text NOT NULL,
    user_id     bigint REFERENCES users ON DELETE SET NULL,
    occurred_at timestamptz NOT NULL DEFAULT now(),
    ingested_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX ON analytics_events (user_id);
CREATE INDEX ON analytics_events (occurred_at);
CREATE INDEX ON analytics_events (ingested_at);

-- One row per UTC day and event type, computed from the events.
CREATE TABLE daily_analytics (
    day         date NOT NULL,
    event_type  text NOT NULL,
    events      bigint NOT NULL CHECK (events >= 0),
    users       bigint NOT NULL CHECK (users BETWEEN 0 AND events),
    computed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (day, event_type)
);
