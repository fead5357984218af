SET LOCAL enable_seqscan = off

maint_lo timestamp with time zone := NULL; maint_hi timestamp with time zone;


IF maint_lo IS NULL THEN
    SELECT pg_catalog.min("seen") INTO maint_lo FROM ONLY "app"."users" WHERE "seen" < '2026-01-01'::timestamptz;
END IF;
SELECT "seen" INTO maint_hi FROM ONLY "app"."users" WHERE "seen" >= maint_lo AND "seen" < '2026-01-01'::timestamptz
    ORDER BY "seen" OFFSET 50 LIMIT 1;
IF maint_hi = maint_lo THEN
    PERFORM 1 FROM ONLY "app"."users" WHERE "seen" = maint_lo OFFSET 500 LIMIT 1;
    maint_tied := FOUND;
    SELECT pg_catalog.min("seen") INTO maint_hi FROM ONLY "app"."users"
        WHERE "seen" > maint_lo AND "seen" < '2026-01-01'::timestamptz;
END IF;
maint_hi := coalesce(maint_hi, '2026-01-01'::timestamptz);
IF NOT maint_tied THEN
DELETE FROM ONLY "app"."users" WHERE "seen" >= maint_lo AND "seen" < maint_hi AND CASE WHEN seen < '2026-01-01'
THEN true END;
GET DIAGNOSTICS maint_k = ROW_COUNT;
maint_n := maint_n + maint_k;
maint_lo := maint_hi;
END IF;
maint_stop := maint_tied OR maint_lo IS NULL OR maint_lo >= '2026-01-01'::timestamptz;
maint_end := CASE WHEN maint_lo < '2026-01-01'::timestamptz THEN
    pg_catalog.json_build_array(maint_lo::text, NULL, '(0,0)')::text END;


