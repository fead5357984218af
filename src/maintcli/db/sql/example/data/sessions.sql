-- Six of ten sessions have been silent for minutes to days, in no order on disk.
INSERT INTO active_sessions (session_id, access_key, last_heartbeat)
SELECT md5('session ' || i || random()),
       md5('key ' || i || random()),
       now() - CASE WHEN random() < 0.6 THEN interval '2 minutes' + random() * interval '2 days'
                    ELSE random() * interval '10 seconds' END
FROM generate_series(1, current_setting('example.sessions')::integer) AS i;

-- Chats of the last 180 days, half of them untouched for over 90.
INSERT INTO chat_sessions (id, user_id, created_at, updated_at)
SELECT md5('chat ' || i || random())::uuid, 1 + floor(random() * 390), touched - interval '2 hours',
       touched
FROM (SELECT i, now() - random() * interval '130 days' AS touched
      FROM generate_series(1, 400) AS i) AS chats;

INSERT INTO chat_messages (session_id, role, content, created_at)
SELECT id, (ARRAY['user', 'assistant'])[1 + n % 2], 'Message ' || n,
       created_at + n * interval '10 minutes'
FROM chat_sessions, generate_series(0, 2) AS n
ORDER BY id, n;

INSERT INTO peptide_info_sessions (id, user_id, created_at, updated_at)
SELECT md5('peptide ' || i || random())::uuid, 1 + floor(random() * 390),
       touched - interval '1 hour', touched
FROM (SELECT i, now() - random() * interval '130 days' AS touched
      FROM generate_series(1, 300) AS i) AS questions;

INSERT INTO peptide_info_messages (session_id, role, content, created_at)
SELECT id, (ARRAY['user', 'assistant'])[1 + n % 2], 'Message ' || n,
       created_at + n * interval '10 minutes'
FROM peptide_info_sessions, generate_series(0, 1) AS n
ORDER BY id, n;
