-- Devices that hold an access key, kept alive by their heartbeats.
CREATE TABLE active_sessions (
    session_id     text PRIMARY KEY,
    access_key     text NOT NULL,
    last_heartbeat timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX ON active_sessions (last_heartbeat);

-- Conversations with the assistant.
CREATE TABLE chat_sessions (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id    bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX ON chat_sessions (user_id);
CREATE INDEX ON chat_sessions (updated_at);

-- What was said in a conversation; goes with it.
CREATE TABLE chat_messages (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES chat_sessions ON DELETE CASCADE,
    role       text NOT NULL CHECK (role IN ('user', 'assistant')),
    content    text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX ON chat_messages (session_id);

-- Questions asked about one peptide.
CREATE TABLE peptide_info_sessions (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id    bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX ON peptide_info_sessions (user_id);
CREATE INDEX ON peptide_info_sessions (updated_at);

-- What was asked and answered about a peptide; goes with its session.
CREATE TABLE peptide_info_messages (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES peptide_info_sessions ON DELETE CASCADE,
    role       text NOT NULL CHECK (role IN ('user', 'assistant')),
    content    text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX ON peptide_info_messages (session_id);
