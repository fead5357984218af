-- Twelve endpoints under a name that never resolves; two are disabled.
INSERT INTO webhook_endpoints (id, url, secret, created_at, disabled_at)
SELECT md5('endpoint ' || i || random())::uuid, 'https://customer' || i || '.example/webhooks',
       'whsec_' || encode(sha256(convert_to('secret ' || i || random(), 'UTF8')), 'base64'),
       now() - interval '1 year' + i * interval '1 day',
       CASE WHEN i % 6 = 0 THEN now() - interval '20 days' END
FROM generate_series(1, 12) AS i;

-- By kind: delivered (0-5), due (6), due after a back-off (7), dead (8), dead and already
-- replayed as often as allowed (9).
INSERT INTO outbox (event_id, event_type, payload, endpoint, status, attempts, replay_count,
                    next_attempt_at, response_status, error_message, created_at, delivered_at)
SELECT md5('event ' || i || random())::uuid, type,
       json_build_object('type', type, 'order', i), e.id,
       CASE WHEN kind <= 5 THEN 'delivered' WHEN kind <= 7 THEN 'pending' ELSE 'dead' END,
       CASE WHEN kind <= 5 THEN 1 WHEN kind = 6 THEN 0 WHEN kind = 7 THEN 3 ELSE 10 END,
       CASE WHEN kind = 9 THEN 3 ELSE 0 END,
       CASE WHEN kind = 7 THEN now() + interval '20 minutes' ELSE created END,
       CASE WHEN kind <= 5 THEN 200 WHEN kind >= 7 THEN 503 END,
       CASE WHEN kind >= 7 THEN 'Service Unavailable' END,
       created,
       CASE WHEN kind <= 5 THEN created + interval '3 seconds' END
FROM (SELECT i, i % 10 AS kind,
             'order.' || (ARRAY['created', 'paid', 'refunded'])[1 + i % 3] AS type,
             now() - CASE WHEN i % 10 <= 5 THEN interval '1 minute' + random() * interval '180 days'
                          WHEN i % 10 <= 7 THEN random() * interval '10 minutes'
                          ELSE interval '4 days' + random() * interval '20 days' END AS created
      FROM generate_series(1, 600) AS i) AS events
JOIN (SELECT id, row_number() OVER (ORDER BY url) AS n FROM webhook_endpoints) AS e
  ON e.n = 1 + i / 10 % 12
ORDER BY i;
