-- Fifteen months of events, denser towards today; one in fifty arrived up to three days late.
INSERT INTO analytics_events (event_type, user_id, occurred_at, ingested_at)
SELECT (ARRAY['login', 'search', 'message', 'upload', 'export'])[1 + floor(random() * 5)::integer],
       CASE WHEN random() < 0.8 THEN 1 + floor(random() * 390) END,
       occurred,
       least(now(), occurred + random() * CASE WHEN i % 50 = 0 THEN interval '3 days'
                                               ELSE interval '2 minutes' END)
FROM (SELECT i, now() - power(random(), 2) * interval '450 days' AS occurred
      FROM generate_series(1, 3000) AS i) AS happened;

-- Each day as the run at 01:00 after it saw it: late events are missing, three days were never
-- run, and yesterday waits for the next run.
INSERT INTO daily_analytics (day, event_type, events, users, computed_at)
SELECT day, event_type, count(*), count(DISTINCT user_id), computed
FROM (SELECT *, (occurred_at AT TIME ZONE 'UTC')::date AS day FROM analytics_events) AS e
CROSS JOIN LATERAL (SELECT (day + interval '1 day 1 hour') AT TIME ZONE 'UTC' AS computed) AS c,
     LATERAL (SELECT (now() AT TIME ZONE 'UTC')::date - day AS age) AS a
WHERE age > 1 AND age NOT IN (4, 9, 10) AND ingested_at <= computed
GROUP BY day, event_type, computed;

-- Older days, whose events were purged long ago.
INSERT INTO daily_analytics (day, event_type, events, users, computed_at)
SELECT day, 'login', 20 + floor(random() * 20), 1 + floor(random() * 20),
       (day + interval '1 day 1 hour') AT TIME ZONE 'UTC'
FROM (SELECT (now() AT TIME ZONE 'UTC')::date - d AS day
      FROM generate_series(460, 660) AS d) AS days;
