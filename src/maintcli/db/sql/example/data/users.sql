-- 400 users: of the first 390 every 20th has opted out; the last 10 did so and were erased.
INSERT INTO users (email, plan, created_at, opted_out_at, data_erased_at)
SELECT 'user' || i || '@example.com',
       CASE WHEN i % 4 = 0 THEN 'pro' ELSE 'free' END,
       now() - interval '800 days' + random() * interval '300 days',
       CASE WHEN i > 390 THEN now() - interval '60 days'
            WHEN i % 20 = 0 THEN now() - random() * interval '30 days' END,
       CASE WHEN i > 390 THEN now() - interval '55 days' END
FROM generate_series(1, 400) AS i;
