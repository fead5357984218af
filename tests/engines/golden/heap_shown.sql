SET LOCAL enable_tidscan = on

maint_at bigint := 0; maint_from tid; maint_to tid;

maint_from := pg_catalog.format('(%s,0)', maint_at)::tid;
maint_at := least(maint_at + 2, 9);
maint_to := pg_catalog.format('(%s,0)', maint_at)::tid;
WITH gone AS (
    DELETE FROM ONLY "app"."users" WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM ONLY "app"."users" WHERE ctid >= maint_from AND ctid < maint_to AND CASE WHEN seen < '2026-01-01'
THEN true END LIMIT greatest(0, maint_most - maint_n) FOR UPDATE
))
AND CASE WHEN seen < '2026-01-01'
THEN true END RETURNING pg_catalog.json_build_array(pg_catalog.left("name"::text, 8) || CASE
    WHEN pg_catalog.length("name"::text) <= 8 THEN ''
    ELSE chr(CASE getdatabaseencoding() WHEN 'UTF8' THEN 8230 ELSE 46 END) END) AS maint_row
)
SELECT count(*), (SELECT pg_catalog.json_agg(maint_row)
    FROM (SELECT maint_row FROM gone LIMIT 20) few)
INTO maint_k, maint_shown FROM gone;
maint_n := maint_n + maint_k;
maint_end := maint_to::text;
maint_stop := maint_at >= 9;


