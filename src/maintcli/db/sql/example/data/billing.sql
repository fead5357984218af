-- Anchors on every day of January, so that short months matter. Of the free accounts a third is
-- in its current period, a third has missed one reset and a third two.
WITH anchored AS (
    SELECT id, plan, floor(random() * 100) AS pages,
           (ARRAY['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata',
                  'Pacific/Auckland'])[1 + id % 5] AS zone,
           date_trunc('year', now() AT TIME ZONE 'UTC') - interval '1 year'
               + (id % 31) * interval '1 day' AS anchor
    FROM (SELECT id, plan FROM users WHERE data_erased_at IS NULL ORDER BY id) AS u
), placed AS (
    SELECT a.*, latest - CASE WHEN plan = 'free' THEN id % 3 ELSE 0 END AS n
    FROM anchored AS a CROSS JOIN LATERAL (
        SELECT max(m) AS latest FROM generate_series(0, 30) AS m
        WHERE (anchor + m * interval '1 month') AT TIME ZONE zone <= now()) AS current
), accounts AS (
    INSERT INTO billing_accounts
    SELECT id, plan, zone, anchor AT TIME ZONE zone,
           (anchor + n * interval '1 month') AT TIME ZONE zone,
           (anchor + (n + 1) * interval '1 month') AT TIME ZONE zone,
           pages, CASE plan WHEN 'free' THEN 100 ELSE 5000 END
    FROM placed
)
INSERT INTO period_resets (user_id, period_start, pages_used, reset_at)
SELECT id, (anchor + (n - 1) * interval '1 month') AT TIME ZONE zone, pages,
       (anchor + n * interval '1 month') AT TIME ZONE zone + interval '30 minutes'
FROM placed;

-- Twenty calendar months for each of 100 users.
INSERT INTO usage_counters (user_id, period_start, period_end, pages)
SELECT u, (month - m * interval '1 month') AT TIME ZONE 'UTC',
       (month - (m - 1) * interval '1 month') AT TIME ZONE 'UTC', floor(random() * 100)
FROM (SELECT date_trunc('month', now() AT TIME ZONE 'UTC') AS month) AS current,
     generate_series(1, 100) AS u, generate_series(0, 19) AS m;

-- By kind: never sent (0-2), too old to send (3), sent a while ago without an answer (4), sent so
-- long ago that the outcome is unknown (5), rejected (6), accepted (7-9).
INSERT INTO stripe_usage (stripe_customer_id, meter, value, occurred_at, status, identifier,
                          first_sent_at, error_code, attempts, locked_until, run_token)
SELECT 'cus_' || left(md5('customer ' || i % 97), 14),
       CASE WHEN i % 7 = 0 THEN 'exports' ELSE 'pages' END,
       1 + floor(random() * 50), occurred, status,
       'usage-' || md5('usage ' || i || random()),
       CASE WHEN kind = 4 THEN now() - interval '2 hours'
            WHEN kind >= 5 THEN occurred + interval '1 minute' END,
       CASE WHEN kind = 6 THEN 'meter_event_customer_not_found' END,
       CASE WHEN kind >= 4 THEN 1 ELSE 0 END,
       CASE WHEN kind = 4 THEN now() - interval '119 minutes' END,
       CASE WHEN kind = 4 THEN md5('token ' || i)::uuid END
FROM (SELECT i, i % 10 AS kind,
             (ARRAY['pending', 'pending', 'pending', 'pending', 'sending', 'sending', 'rejected',
                    'accepted', 'accepted', 'accepted'])[1 + i % 10] AS status,
             now() - interval '3 hours'
                 - CASE i % 10 WHEN 3 THEN interval '36 days' WHEN 5 THEN interval '25 hours'
                               ELSE random() * interval '3 days' END AS occurred
      FROM generate_series(1, 600) AS i) AS usage;
