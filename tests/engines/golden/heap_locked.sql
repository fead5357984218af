SET LOCAL enable_tidscan = on; LOCK TABLE ONLY "app"."users" IN ROW EXCLUSIVE MODE

maint_at bigint := 0; maint_from tid; maint_to tid;

maint_from := pg_catalog.format('(%s,0)', maint_at)::tid;
maint_at := least(maint_at + 2, 9);
maint_to := pg_catalog.format('(%s,0)', maint_at)::tid;
DELETE FROM ONLY "app"."users" WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM ONLY "app"."users" WHERE ctid >= maint_from AND ctid < maint_to AND CASE WHEN seen < '2026-01-01'
THEN true END FOR UPDATE SKIP LOCKED
))
AND CASE WHEN seen < '2026-01-01'
THEN true END;
GET DIAGNOSTICS maint_k = ROW_COUNT;
maint_n := maint_n + maint_k;
IF maint_most IS NULL OR maint_n < maint_most THEN
    SELECT count(*) INTO maint_k FROM ONLY "app"."users" WHERE ctid >= maint_from AND ctid < maint_to AND CASE WHEN seen < '2026-01-01'
THEN true END;
    maint_left := maint_left + maint_k;
END IF;
maint_end := maint_to::text;
maint_stop := maint_at >= 9;


