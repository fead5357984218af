-- Due, not due, switched off, one that nobody handles, and one whose expression means nothing.
INSERT INTO cron_jobs (name, description, cron_expression, timezone, job_type, misfire, overlap,
                       is_active, next_run_at, last_run_at, created_at)
SELECT name, description, expression, zone, type, misfire, overlap, active, next, next - period,
       now() - interval '200 days'
FROM (VALUES
    ('process-pending', 'Works off pending jobs', '* * * * *', 'UTC', 'system:process_pending_jobs',
     'latest', 'skip', true, date_trunc('minute', now()), interval '1 minute'),
    ('heartbeat', 'Does nothing, often', '*/5 * * * *', 'UTC', 'system:noop',
     'skip', 'allow', true, date_bin('5 minutes', now(), '2000-01-01Z'), interval '5 minutes'),
    ('hourly-import', 'Imports catalogs; missed every hour of the last three', '0 * * * *', 'UTC',
     'catalog:import', 'all', 'skip', true,
     date_trunc('hour', now(), 'UTC') - interval '3 hours', interval '1 hour'),
    ('daily-report', 'Renders the daily report', '0 9 * * *', 'Europe/Berlin', 'report:render',
     'latest', 'allow', true,
     (date_trunc('day', now() AT TIME ZONE 'Europe/Berlin' - interval '9 hours')
         + interval '33 hours') AT TIME ZONE 'Europe/Berlin', interval '1 day'),
    ('weekly-backup', 'Switched off', '0 3 * * 0', 'UTC', 'backup:full',
     'latest', 'allow', false,
     date_trunc('week', now(), 'UTC') - interval '693 hours', interval '7 days'),
    ('legacy-index', 'No handler knows its type', '30 * * * *', 'UTC', 'legacy:reindex',
     'latest', 'allow', true,
     date_trunc('hour', now(), 'UTC') - interval '30 minutes', interval '1 hour'),
    ('misspelt', 'Its expression cannot be read', 'every monday', 'UTC', 'report:render',
     'latest', 'allow', true, now() - interval '1 hour', interval '7 days')
) AS c(name, description, expression, zone, type, misfire, overlap, active, next, period);

-- Half a year of daily fires, and the last day's hourly ones.
INSERT INTO cron_fires (cron_id, scheduled_for, fired_at)
SELECT id, at, at + random() * interval '50 seconds'
FROM (SELECT c.id, (c.next_run_at AT TIME ZONE c.timezone - n * interval '1 day')
                       AT TIME ZONE c.timezone AS at
      FROM cron_jobs AS c, generate_series(1, 180) AS n WHERE c.name = 'daily-report'
      UNION ALL
      SELECT c.id, c.next_run_at - n * interval '1 hour'
      FROM cron_jobs AS c, generate_series(1, 24) AS n WHERE c.name = 'hourly-import'
      ORDER BY 1, 2) AS fires;
