-- People; the row outlives the erasure of what is held of them.
CREATE TABLE users (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email          text NOT NULL UNIQUE,
    plan           text NOT NULL DEFAULT 'free' CHECK (plan IN ('free', 'pro')),
    created_at     timestamptz NOT NULL DEFAULT now(),
    opted_out_at   timestamptz,
    data_erased_at timestamptz
);

CREATE INDEX ON users (opted_out_at) WHERE opted_out_at IS NOT NULL AND data_erased_at IS NULL;
