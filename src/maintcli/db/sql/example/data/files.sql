-- By kind: abandoned (0), waiting since today (1), finished (2-3), failed (4).
INSERT INTO processing_jobs (id, user_id, status, created_at, started_at)
SELECT md5('processing ' || i || random())::uuid, 1 + floor(random() * 390),
       (ARRAY['pending', 'pending', 'completed', 'completed', 'failed'])[1 + i % 5], created,
       CASE WHEN i % 5 >= 2 THEN created + interval '1 minute' END
FROM (SELECT i, now() - CASE i % 5 WHEN 0 THEN interval '8 days' + random() * interval '60 days'
                                   WHEN 1 THEN random() * interval '12 hours'
                                   ELSE random() * interval '90 days' END AS created
      FROM generate_series(1, 500) AS i) AS processing;

INSERT INTO source_files (job_id, object_key, created_at)
SELECT id, 'uploads/' || id || '/' || n || '.pdf', created_at
FROM processing_jobs, generate_series(1, 2) AS n
ORDER BY id, n;

-- One upload in ten has lost its row here: its object would be found without one.
INSERT INTO stored_files (object_key, owner, size_bytes, created_at)
SELECT f.object_key, j.user_id, ('x' || left(md5(f.object_key), 5))::bit(20)::integer, f.created_at
FROM source_files AS f JOIN processing_jobs AS j ON j.id = f.job_id
WHERE f.id % 10 <> 0;

-- One export in ten belongs to a user who is gone; the newest of these are still in their grace.
INSERT INTO stored_files (object_key, owner, size_bytes, created_at)
SELECT 'exports/' || md5('export ' || i || random()) || '.csv',
       CASE WHEN i % 10 = 0 THEN 1000000 + i ELSE 1 + floor(random() * 390) END,
       floor(random() * 1000000),
       now() - CASE WHEN i % 50 = 0 THEN interval '1 hour'
                    ELSE interval '2 days' + random() * interval '90 days' END
FROM generate_series(1, 400) AS i;
