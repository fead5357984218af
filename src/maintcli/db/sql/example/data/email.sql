-- Attempts from none to all five; one mail in eight is past its 24 hours, one in thirty is just
-- being sent.
INSERT INTO email_retry_queue (order_id, email_type, attempts, created, last_attempt, recipient,
                               payload)
SELECT 'order_' || left(md5('order ' || i || random()), 12),
       (ARRAY['key_email', 'receipt'])[1 + i % 2], attempts, created,
       CASE WHEN attempts = 0 THEN NULL WHEN i % 30 = 7 THEN now() - interval '5 seconds'
            ELSE created + (ARRAY[0, 5, 35, 155, 515])[attempts] * interval '1 minute' END,
       'user' || (1 + floor(random() * 390)) || '@example.com',
       jsonb_build_object('name', 'User ' || i, 'access_key', left(md5('key ' || i), 8))
FROM (SELECT i, i % 6 AS attempts,
             now() - CASE WHEN i % 8 = 0 THEN interval '25 hours' + random() * interval '2 days'
                          ELSE interval '9 hours' + random() * interval '8 hours' END AS created
      FROM generate_series(1, 300) AS i) AS mails;

-- Given up within the last 200 days; the newest have not been in a digest yet.
INSERT INTO email_given_up (order_id, email_type, attempts, created, last_attempt, recipient,
                            payload, reason, last_error, given_up_at, notified_at)
SELECT 'order_' || left(md5('given up ' || i || random()), 12),
       (ARRAY['key_email', 'receipt'])[1 + i % 2], attempts, given_up - interval '26 hours',
       given_up - interval '1 hour', 'user' || (1 + floor(random() * 390)) || '@example.com', '{}',
       (ARRAY['attempts', 'expired', 'permanent'])[1 + i % 3], '550 no such user', given_up,
       CASE WHEN i % 20 <> 0 THEN given_up + interval '1 second' END
FROM (SELECT i, (ARRAY[5, 3, 1])[1 + i % 3] AS attempts,
             now() - CASE WHEN i % 20 = 0 THEN random() * interval '1 hour'
                          ELSE interval '2 hours' + random() * interval '200 days' END AS given_up
      FROM generate_series(1, 200) AS i) AS mails;
