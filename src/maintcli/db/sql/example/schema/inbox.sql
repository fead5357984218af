-- Mail read from a mailbox, each message once; what cannot be parsed is quarantined.
CREATE TABLE inbound_emails (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account       text NOT NULL,
    folder        text NOT NULL DEFAULT 'INBOX',
    uidvalidity   bigint NOT NULL CHECK (uidvalidity BETWEEN 1 AND 4294967295),
    uid           bigint NOT NULL CHECK (uid BETWEEN 1 AND 4294967295),
    message_id    text,
    sender        text,
    subject       text,
    body          text,
    size_bytes    bigint CHECK (size_bytes >= 0),
    status        text NOT NULL DEFAULT 'received' CHECK (status IN (
                      'received', 'unparsed', 'quarantined')),
    attempts      integer NOT NULL DEFAULT 1 CHECK (attempts >= 1),
    error_message text,
    received_at   timestamptz NOT NULL DEFAULT now(),
    seen_at       timestamptz,
    UNIQUE (account, folder, uidvalidity, uid)
);

CREATE INDEX ON inbound_emails (account, folder, message_id);
CREATE INDEX ON inbound_emails (uid) WHERE status = 'unparsed';
CREATE INDEX ON inbound_emails (seen_at) WHERE seen_at IS NOT NULL;

-- How far each mailbox has been read; a changed uidvalidity starts a new row.
CREATE TABLE inbox_cursors (
    account     text NOT NULL,
    folder      text NOT NULL,
    uidvalidity bigint NOT NULL CHECK (uidvalidity BETWEEN 1 AND 4294967295),
    last_uid    bigint NOT NULL DEFAULT 0 CHECK (last_uid BETWEEN 0 AND 4294967295),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account, folder, uidvalidity)
);
