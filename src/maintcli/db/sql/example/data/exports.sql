-- One export in five is a dead letter; a few of those were replayed as often as allowed.
INSERT INTO export_jobs (kind, status, attempts, replay_count, error_message, created_at)
SELECT (ARRAY['csv', 'xlsx', 'pdf'])[1 + i % 3],
       (ARRAY['dead', 'completed', 'completed', 'completed', 'pending'])[1 + i % 5],
       (ARRAY[5, 1, 1, 2, 0])[1 + i % 5],
       CASE WHEN i % 25 = 0 THEN 3 ELSE 0 END,
       CASE WHEN i % 5 = 0 THEN 'storage did not answer in time' END,
       now() - CASE WHEN i % 5 = 4 THEN random() * interval '5 minutes'
                    ELSE random() * interval '60 days' END
FROM generate_series(1, 400) AS i;
