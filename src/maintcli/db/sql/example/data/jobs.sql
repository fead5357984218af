-- By kind: completed (0-4, half of them over 90 days ago), failed (5), due (6), due for long and
-- not taken (7), due later (8), running (9), its runner died (10), running in an application that
-- keeps no lease (11).
INSERT INTO jobs (type, status, priority, payload, on_done, retry_count, error_message, run_after,
                  locked_until, run_token, created_at, updated_at, started_at, finished_at)
SELECT CASE WHEN i % 30 = 6 THEN 'legacy:reindex'
            ELSE (ARRAY['report:render', 'catalog:import', 'catalog:export'])[1 + i % 3] END,
       status, floor(random() * 4), jsonb_build_object('item', i),
       CASE WHEN i % 9 = 6 THEN 'email' END,
       CASE WHEN kind = 5 THEN 3 WHEN kind = 10 THEN i / 12 % 3 ELSE 0 END,
       CASE WHEN kind = 5 THEN 'connection reset by peer' END,
       CASE WHEN kind = 8 THEN now() + interval '1 hour' ELSE created END,
       CASE kind WHEN 9 THEN now() + interval '10 minutes'
                 WHEN 10 THEN started + interval '80 seconds' END,
       CASE WHEN kind IN (9, 10) THEN md5('token ' || i)::uuid END,
       created,
       CASE WHEN kind <= 5 THEN started + interval '20 seconds' WHEN kind >= 9 THEN started
            ELSE created END,
       CASE WHEN kind <= 5 OR kind >= 9 THEN started END,
       CASE WHEN kind <= 5 THEN started + interval '20 seconds' END
FROM (
    SELECT *, CASE WHEN kind = 9 THEN now() - interval '20 seconds'
                   ELSE created + interval '30 seconds' END AS started
    FROM (
        SELECT i, i % 12 AS kind,
               (ARRAY['completed', 'completed', 'completed', 'completed', 'completed', 'failed',
                      'pending', 'pending', 'pending', 'running', 'running',
                      'running'])[1 + i % 12] AS status,
               now() - CASE
                   WHEN i % 12 < 5 THEN interval '2 minutes' + random() * interval '180 days'
                   WHEN i % 12 = 5 THEN interval '2 minutes' + random() * interval '7 days'
                   WHEN i % 12 IN (6, 8) THEN random() * interval '4 minutes'
                   WHEN i % 12 = 9 THEN interval '1 minute' + random() * interval '3 minutes'
                   ELSE interval '2 hours' + random() * interval '6 hours' END AS created
        FROM generate_series(1, 960) AS i) AS k) AS j;

-- What the hourly cron enqueued yesterday.
INSERT INTO jobs (type, status, cron_id, scheduled_for, run_after, created_at, updated_at,
                  started_at, finished_at)
SELECT c.job_type, 'completed', c.id, f.scheduled_for, f.fired_at, f.fired_at,
       f.fired_at + interval '9 seconds', f.fired_at + interval '4 seconds',
       f.fired_at + interval '9 seconds'
FROM cron_fires AS f JOIN cron_jobs AS c ON c.id = f.cron_id
WHERE c.name = 'hourly-import'
ORDER BY f.scheduled_for;
