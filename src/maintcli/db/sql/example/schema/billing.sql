-- Where an account stands in its current period; periods are the anchor + n months in its zone.
CREATE TABLE billing_accounts (
    user_id       bigint PRIMARY KEY REFERENCES users,
    plan          text NOT NULL DEFAULT 'free' CHECK (plan IN ('free', 'pro')),
    timezone      text NOT NULL DEFAULT 'UTC',
    period_anchor timestamptz NOT NULL,
    period_start  timestamptz NOT NULL,
    period_end    timestamptz NOT NULL,
    pages_used    bigint NOT NULL DEFAULT 0 CHECK (pages_used >= 0),
    pages_limit   bigint NOT NULL CHECK (pages_limit >= 0),
    CONSTRAINT billing_accounts_period_check
        CHECK (period_anchor <= period_start AND period_start < period_end)
);

CREATE INDEX ON billing_accounts (period_end) WHERE plan = 'free';

-- The usage of a period that was closed, written once.
CREATE TABLE period_resets (
    user_id      bigint NOT NULL REFERENCES billing_accounts,
    period_start timestamptz NOT NULL,
    pages_used   bigint NOT NULL CHECK (pages_used >= 0),
    reset_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, period_start)
);

-- Pages counted per user and calendar month.
CREATE TABLE usage_counters (
    user_id      bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    period_start timestamptz NOT NULL,
    period_end   timestamptz NOT NULL,
    pages        bigint NOT NULL DEFAULT 0 CHECK (pages >= 0),
    PRIMARY KEY (user_id, period_start),
    CONSTRAINT usage_counters_period_check CHECK (period_start < period_end)
);

CREATE INDEX ON usage_counters (period_end);

-- Usage to report as billing meter events; the identifier makes a repeated report harmless.
CREATE TABLE stripe_usage (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stripe_customer_id text NOT NULL,
    meter              text NOT NULL,
    value              bigint NOT NULL CHECK (value BETWEEN 0 AND 999999999999999),
    occurred_at        timestamptz NOT NULL DEFAULT now(),
    status             text NOT NULL DEFAULT 'pending' CHECK (status IN (
                           'pending', 'sending', 'accepted', 'rejected', 'unknown', 'expired')),
    identifier         text NOT NULL UNIQUE DEFAULT gen_random_uuid()::text
                           CHECK (length(identifier) BETWEEN 1 AND 100),
    first_sent_at      timestamptz,
    error_code         text,
    attempts           integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_attempt_at    timestamptz NOT NULL DEFAULT now(),
    locked_until       timestamptz,
    run_token          uuid,
    CONSTRAINT stripe_usage_sent_check
        CHECK (first_sent_at IS NOT NULL OR status IN ('pending', 'expired'))
);

CREATE INDEX ON stripe_usage (next_attempt_at, id) WHERE status IN ('pending', 'sending');
CREATE INDEX ON stripe_usage (stripe_customer_id, meter) WHERE status IN ('pending', 'sending');
CREATE INDEX ON stripe_usage (status, first_sent_at);
