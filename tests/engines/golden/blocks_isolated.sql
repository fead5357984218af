SET LOCAL enable_tidscan = on; LOCK TABLE ONLY "app"."users", "app"."events", ONLY "app"."comments", ONLY "app"."sessions", ONLY "app"."notes" IN ROW EXCLUSIVE MODE

maint_at tid := '(0,0)'; maint_to tid; maint_seqscan text := current_setting('enable_seqscan'); maint_w tid[]; maint_i int := 1; maint_c tid[]; maint_r tid[];
    maint_t tid[]; maint_u tid[]; maint_group int := 1; maint_bound int := NULL;
    maint_p int; maint_more boolean; maint_gone bigint; maint_began timestamptz;
    maint_locked bigint; maint_blocked bigint; maint_stay bigint := 0; maint_named jsonb := '[]';
    maint_retry boolean; maint_alone boolean; maint_failed bigint := 0; maint_waits int := 0;
    maint_failures jsonb := '[]'; maint_before jsonb; maint_groups int := 0;
    maint_first float8; maint_second float8;
    maint_leaf oid; maint_free tid[]; maint_free_leaves oid[];
    "maint_a0" tid[] := '{}';
"maint_f0" tid[] := '{}';
"maint_g0" tid[] := '{}';
"maint_b0" tid[] := '{}';
"maint_cut0" boolean := false;
"maint_a1" tid[] := '{}';
"maint_f1" tid[] := '{}';
"maint_g1" tid[] := '{}';
"maint_b1" tid[] := '{}';
"maint_cut1" boolean := false;
"maint_o1" oid[];
"maint_a2" tid[] := '{}';
"maint_f2" tid[] := '{}';
"maint_g2" tid[] := '{}';
"maint_b2" tid[] := '{}';
"maint_cut2" boolean := false;
"maint_a3" tid[] := '{}';
"maint_f3" tid[] := '{}';
"maint_g3" tid[] := '{}';
"maint_b3" tid[] := '{}';
"maint_cut3" boolean := false;
"maint_l0" tid[] := '{}';
"maint_lcut0" boolean := false;
"maint_x0" bigint := 0;
"maint_n0" bigint := 0;
"maint_n1" bigint := 0;
"maint_n2" bigint := 0;
"maint_n3" bigint := 0;
"maint_u0" bigint := 0;
"maint_y0" bigint := 0;

IF maint_w IS NULL THEN
    maint_to := least(
        pg_catalog.format('(%s,0)', (maint_at::text::point)[0]::bigint + 2)::tid,
        '(9,0)'::tid);
    PERFORM set_config('enable_seqscan', 'off', true);
    SELECT coalesce(pg_catalog.array_agg(t), '{}') INTO maint_w FROM (
        SELECT ctid AS t FROM ONLY "app"."users"
        WHERE ctid > maint_at AND ctid <= maint_to AND CASE WHEN seen < '2026-01-01'
THEN true END ORDER BY ctid LIMIT 10000
    ) AS few;
    PERFORM set_config('enable_seqscan', maint_seqscan, true);
    maint_i := 1;
END IF;
maint_began := clock_timestamp();
maint_retry := false;
maint_alone := false;
maint_before := maint_named;
maint_c := maint_w[maint_i : maint_i
    + coalesce(least(maint_group, maint_most - maint_n), maint_group)::int - 1];
maint_r := coalesce((SELECT pg_catalog.array_agg(t) FROM (
    SELECT ctid AS t FROM ONLY "app"."users"
    WHERE ctid = ANY (maint_c) AND (CASE WHEN seen < '2026-01-01'
THEN true END) FOR UPDATE
) AS few), '{}');
maint_locked := 0;
maint_blocked := 0;
"maint_x0" := 0;

LOOP
"maint_a0" := '{}'; "maint_b0" := '{}'; "maint_cut0" := false;
"maint_a1" := '{}'; "maint_b1" := '{}'; "maint_cut1" := false;
"maint_a2" := '{}'; "maint_b2" := '{}'; "maint_cut2" := false;
"maint_a3" := '{}'; "maint_b3" := '{}'; "maint_cut3" := false;
"maint_l0" := '{}'; "maint_lcut0" := false;
"maint_a0" := maint_r;

IF pg_catalog.cardinality("maint_a0") > 0 THEN
    SELECT coalesce(pg_catalog.array_agg(place), '{}'),
        coalesce(pg_catalog.array_agg(leaf), '{}')
    INTO "maint_a1", "maint_o1" FROM (
        SELECT c.ctid AS place, c.tableoid AS leaf
        FROM ONLY "app"."users" AS p JOIN "app"."events" AS c ON "p"."id" OPERATOR("pg_catalog".=) "c"."user_id"
        WHERE p.ctid = ANY ("maint_a0") LIMIT maint_bound FOR UPDATE OF c
    ) AS few;
    "maint_cut1" := coalesce(pg_catalog.cardinality("maint_a1") >= maint_bound, false);
    
END IF;
IF pg_catalog.cardinality("maint_a0") > 0 THEN
    maint_t := coalesce((SELECT pg_catalog.array_agg(t) FROM (
    SELECT c.ctid AS t FROM ONLY "app"."users" AS p JOIN ONLY "app"."comments" AS c ON "p"."id" OPERATOR("pg_catalog".=) "c"."user_id"
    WHERE p.ctid = ANY ("maint_a0") LIMIT maint_bound FOR UPDATE OF c
) AS few), '{}');
    "maint_cut2" := "maint_cut2" OR coalesce(pg_catalog.cardinality(maint_t) >= maint_bound, false);
    
    "maint_a2" := pg_catalog.array_cat("maint_a2", ARRAY(SELECT pg_catalog.unnest(maint_t) EXCEPT SELECT pg_catalog.unnest("maint_a2")));
END IF;
"maint_f2" := "maint_a2";
LOOP
    maint_k := 0;
WITH RECURSIVE "maint_circle" (member, place) AS (
    SELECT * FROM (SELECT 2, pg_catalog.unnest("maint_f2")) AS first
    UNION
    SELECT next.member, next.place
    FROM "maint_circle" AS r CROSS JOIN LATERAL ((SELECT 2, c.ctid FROM ONLY "app"."comments" AS p JOIN ONLY "app"."comments" AS c ON "p"."id" OPERATOR("pg_catalog".=) "c"."comment_id"
    WHERE r.member = 2 AND p.ctid = r.place OFFSET 0)) AS next(member, place))
SELECT coalesce(pg_catalog.array_agg(place) FILTER (WHERE member = 2), '{}') INTO "maint_g2" FROM (SELECT * FROM "maint_circle" LIMIT maint_bound + pg_catalog.cardinality("maint_f2")) AS few;
maint_t := ARRAY(SELECT pg_catalog.unnest("maint_g2") EXCEPT SELECT pg_catalog.unnest("maint_a2"));
    maint_u := coalesce((SELECT pg_catalog.array_agg(t) FROM (
        SELECT ctid AS t FROM ONLY "app"."comments" WHERE ctid = ANY (maint_t) FOR UPDATE
    ) AS few), '{}');
    
    "maint_a2" := pg_catalog.array_cat("maint_a2", maint_u);
    maint_k := maint_k + pg_catalog.cardinality(maint_t);
    EXIT WHEN maint_k = 0;
END LOOP;
"maint_a2" := ARRAY(
    SELECT pg_catalog.unnest("maint_a2") INTERSECT SELECT pg_catalog.unnest("maint_g2"));
"maint_cut2" := "maint_cut2" OR coalesce(pg_catalog.cardinality("maint_g2") >= maint_bound + pg_catalog.cardinality("maint_f2"), false);
IF pg_catalog.cardinality("maint_a0") > 0 THEN
    maint_t := coalesce((SELECT pg_catalog.array_agg(t) FROM (
    SELECT c.ctid AS t FROM ONLY "app"."users" AS p JOIN ONLY "app"."sessions" AS c ON "p"."id" OPERATOR("pg_catalog".=) "c"."user_id"
    WHERE p.ctid = ANY ("maint_a0") LIMIT maint_bound FOR UPDATE OF c
) AS few), '{}');
    "maint_cut3" := "maint_cut3" OR coalesce(pg_catalog.cardinality(maint_t) >= maint_bound, false);
    
    "maint_a3" := pg_catalog.array_cat("maint_a3", maint_t);
END IF;
IF pg_catalog.cardinality("maint_a0") > 0 THEN
    maint_t := coalesce((SELECT pg_catalog.array_agg(t) FROM (
    SELECT c.ctid AS t FROM ONLY "app"."users" AS p JOIN ONLY "app"."notes" AS c ON "p"."id" OPERATOR("pg_catalog".=) "c"."user_id"
    WHERE p.ctid = ANY ("maint_a0") LIMIT maint_bound FOR UPDATE OF c
) AS few), '{}');
    "maint_lcut0" := "maint_lcut0" OR coalesce(pg_catalog.cardinality(maint_t) >= maint_bound, false);
    
    "maint_l0" := pg_catalog.array_cat("maint_l0", maint_t);
END IF;

IF pg_catalog.cardinality("maint_a0") > 0 THEN
    maint_t := coalesce((SELECT pg_catalog.array_agg(p.ctid) FROM ONLY "app"."users" AS p
        WHERE p.ctid = ANY ("maint_a0") AND EXISTS (
            SELECT FROM ONLY "app"."invoices" AS c WHERE "p"."id" OPERATOR("pg_catalog".=) "c"."user_id")), '{}');
    "maint_b0" := pg_catalog.array_cat("maint_b0", maint_t);
    "maint_x0" := "maint_x0" + pg_catalog.cardinality(maint_t);
END IF;
IF false OR pg_catalog.cardinality("maint_b0") > 0 OR pg_catalog.cardinality("maint_b1") > 0 OR pg_catalog.cardinality("maint_b2") > 0 OR pg_catalog.cardinality("maint_b3") > 0 THEN
IF pg_catalog.cardinality("maint_b3") > 0 THEN
    "maint_b0" := ARRAY(SELECT pg_catalog.unnest("maint_b0") UNION SELECT p.ctid
        FROM ONLY "app"."sessions" AS c JOIN ONLY "app"."users" AS p ON "p"."id" OPERATOR("pg_catalog".=) "c"."user_id"
        WHERE c.ctid = ANY ("maint_b3") AND p.ctid = ANY ("maint_a0"));
END IF;
IF false OR pg_catalog.cardinality("maint_b2") > 0 THEN
WITH RECURSIVE "maint_circle" (member, place) AS (
    SELECT * FROM (SELECT 2, pg_catalog.unnest("maint_b2")) AS first
    UNION
    SELECT next.member, next.place
    FROM "maint_circle" AS r CROSS JOIN LATERAL ((SELECT 2, p.ctid FROM ONLY "app"."comments" AS p JOIN ONLY "app"."comments" AS c ON "p"."id" OPERATOR("pg_catalog".=) "c"."comment_id"
    WHERE r.member = 2 AND c.ctid = r.place OFFSET 0)) AS next(member, place))
SELECT coalesce(pg_catalog.array_agg(place) FILTER (WHERE member = 2), '{}') INTO "maint_g2" FROM (SELECT * FROM "maint_circle") AS few;
"maint_b2" := "maint_g2";
END IF;
IF pg_catalog.cardinality("maint_b2") > 0 THEN
    "maint_b0" := ARRAY(SELECT pg_catalog.unnest("maint_b0") UNION SELECT p.ctid
        FROM ONLY "app"."comments" AS c JOIN ONLY "app"."users" AS p ON "p"."id" OPERATOR("pg_catalog".=) "c"."user_id"
        WHERE c.ctid = ANY ("maint_b2") AND p.ctid = ANY ("maint_a0"));
END IF;


maint_t := ARRAY(SELECT pg_catalog.unnest(maint_r) INTERSECT SELECT pg_catalog.unnest("maint_b0"));
IF pg_catalog.cardinality(maint_t) = 0 THEN
    maint_t := maint_r;
END IF;
maint_r := ARRAY(SELECT pg_catalog.unnest(maint_r) EXCEPT SELECT pg_catalog.unnest(maint_t));
maint_blocked := maint_blocked + pg_catalog.cardinality(maint_t);
CONTINUE;
END IF;
EXIT;
END LOOP;
maint_more := false OR "maint_cut0" OR "maint_cut1" OR "maint_cut2" OR "maint_cut3" OR "maint_lcut0";
IF maint_more THEN
IF false OR "maint_lcut0" THEN
maint_u := '{}';
"maint_lcut0" := "maint_lcut0" AND pg_catalog.cardinality(maint_u) = 0; IF "maint_lcut0" THEN maint_u := "maint_l0"; ELSE "maint_l0" := '{}'; END IF;
"maint_a0" := '{}';
"maint_a1" := '{}';
"maint_a2" := '{}';
"maint_a3" := '{}';
ELSE
IF false OR "maint_cut2" THEN
WITH RECURSIVE "maint_circle" (member, place) AS (
    SELECT * FROM (SELECT 2, p.ctid FROM ONLY "app"."comments" AS p WHERE p.ctid = ANY ("maint_a2")
    AND EXISTS (SELECT FROM ONLY "app"."comments" AS c WHERE "p"."id" OPERATOR("pg_catalog".=) "c"."comment_id" AND c.ctid <> ALL ("maint_a2"))) AS first
    UNION
    SELECT next.member, next.place
    FROM "maint_circle" AS r CROSS JOIN LATERAL ((SELECT 2, p.ctid FROM ONLY "app"."comments" AS p JOIN ONLY "app"."comments" AS c ON "p"."id" OPERATOR("pg_catalog".=) "c"."comment_id"
    WHERE r.member = 2 AND c.ctid = r.place OFFSET 0)) AS next(member, place))
SELECT coalesce(pg_catalog.array_agg(place) FILTER (WHERE member = 2), '{}') INTO "maint_g2" FROM (SELECT * FROM "maint_circle") AS few;
"maint_a2" := ARRAY(SELECT pg_catalog.unnest("maint_a2") EXCEPT SELECT pg_catalog.unnest("maint_g2"));
END IF;
IF false OR "maint_cut3" OR "maint_cut2" OR "maint_cut1" OR true THEN "maint_a0" := '{}'; END IF;
IF false THEN "maint_a1" := '{}'; END IF;
IF false THEN "maint_a2" := '{}'; END IF;
IF false THEN "maint_a3" := '{}'; END IF;
IF pg_catalog.cardinality("maint_l0") > 0 THEN
    "maint_l0" := coalesce((SELECT pg_catalog.array_agg(c.ctid)
        FROM ONLY "app"."users" AS p JOIN ONLY "app"."notes" AS c ON "p"."id" OPERATOR("pg_catalog".=) "c"."user_id"
        WHERE p.ctid = ANY ("maint_a0") AND c.ctid = ANY ("maint_l0")), '{}');
END IF;
END IF;
END IF;


BEGIN
IF maint_more THEN
maint_gone := 0;
IF "maint_lcut0" AND pg_catalog.cardinality("maint_l0") > 0 THEN
    WITH changed AS (
        UPDATE ONLY "app"."notes" SET "user_id" = NULL WHERE tableoid = '"app"."notes"'::regclass::oid AND ctid = ANY ("maint_l0")
        RETURNING pg_catalog.num_nonnulls("user_id") AS stay
    )
    SELECT count(*) INTO maint_k FROM changed WHERE stay = 0;
    IF maint_k < pg_catalog.cardinality("maint_l0") THEN
        RAISE EXCEPTION 'a reference stays' USING ERRCODE = 'MT003';
    END IF;
END IF;
IF pg_catalog.cardinality("maint_a0") > 0 THEN
    DELETE FROM ONLY "app"."users" WHERE ctid = ANY ("maint_a0") AND ((CASE WHEN seen < '2026-01-01'
THEN true END) OR ctid <> ALL (maint_r));
END IF;
IF pg_catalog.cardinality("maint_a1") > 0 THEN
    FOR maint_leaf, maint_t IN
        SELECT found.leaf, pg_catalog.array_agg(found.place)
        FROM ROWS FROM (pg_catalog.unnest("maint_o1"), pg_catalog.unnest("maint_a1"))
            AS found (leaf, place) GROUP BY found.leaf
    LOOP
        EXECUTE pg_catalog.format(
            'DELETE FROM ONLY %s WHERE ctid = ANY ($1)', maint_leaf::regclass) USING maint_t;
    END LOOP;
END IF;
IF pg_catalog.cardinality("maint_a2") > 0 THEN
    DELETE FROM ONLY "app"."comments" WHERE ctid = ANY ("maint_a2");
END IF;
IF pg_catalog.cardinality("maint_a3") > 0 THEN
    DELETE FROM ONLY "app"."sessions" WHERE ctid = ANY ("maint_a3");
END IF;
SET CONSTRAINTS ALL IMMEDIATE;
IF pg_catalog.cardinality("maint_a0") > 0 THEN
    SELECT pg_catalog.cardinality("maint_a0") - count(*) INTO maint_k
    FROM ONLY "app"."users" WHERE ctid = ANY (ARRAY(SELECT pg_catalog.currtid2('"app"."users"', place)
        FROM pg_catalog.unnest("maint_a0") AS place));
    "maint_n0" := "maint_n0" + maint_k;
    maint_gone := maint_gone + maint_k;
END IF;
IF pg_catalog.cardinality("maint_a1") > 0 THEN
    FOR maint_leaf, maint_t IN
        SELECT found.leaf, pg_catalog.array_agg(found.place)
        FROM ROWS FROM (pg_catalog.unnest("maint_o1"), pg_catalog.unnest("maint_a1"))
            AS found (leaf, place) GROUP BY found.leaf
    LOOP
        EXECUTE pg_catalog.format(
            'SELECT pg_catalog.cardinality($1) - count(*) FROM ONLY %1$s WHERE ctid = ANY (ARRAY('
            'SELECT pg_catalog.currtid2(%1$L, place) FROM pg_catalog.unnest($1) AS place))',
            maint_leaf::regclass) INTO maint_k USING maint_t;
        "maint_n1" := "maint_n1" + maint_k;
        maint_gone := maint_gone + maint_k;
    END LOOP;
END IF;
IF pg_catalog.cardinality("maint_a2") > 0 THEN
    SELECT pg_catalog.cardinality("maint_a2") - count(*) INTO maint_k
    FROM ONLY "app"."comments" WHERE ctid = ANY (ARRAY(SELECT pg_catalog.currtid2('"app"."comments"', place)
        FROM pg_catalog.unnest("maint_a2") AS place));
    "maint_n2" := "maint_n2" + maint_k;
    maint_gone := maint_gone + maint_k;
END IF;
IF pg_catalog.cardinality("maint_a3") > 0 THEN
    SELECT pg_catalog.cardinality("maint_a3") - count(*) INTO maint_k
    FROM ONLY "app"."sessions" WHERE ctid = ANY (ARRAY(SELECT pg_catalog.currtid2('"app"."sessions"', place)
        FROM pg_catalog.unnest("maint_a3") AS place));
    "maint_n3" := "maint_n3" + maint_k;
    maint_gone := maint_gone + maint_k;
END IF;
IF pg_catalog.cardinality("maint_l0") > 0 THEN
    SELECT pg_catalog.cardinality("maint_l0") - count(*) INTO maint_k
    FROM ONLY "app"."notes" WHERE ctid = ANY ("maint_l0");
    "maint_u0" := "maint_u0" + maint_k;
    maint_gone := maint_gone + maint_k;
END IF;

IF maint_gone = 0 THEN
    RAISE EXCEPTION 'nothing went' USING ERRCODE = 'MT003';
END IF;
    maint_group := greatest(1, maint_group / 2);
ELSIF pg_catalog.cardinality(maint_r) > 0 THEN
DELETE FROM ONLY "app"."users" WHERE ctid = ANY (maint_r) AND (CASE WHEN seen < '2026-01-01'
THEN true END);
GET DIAGNOSTICS maint_k = ROW_COUNT;
SET CONSTRAINTS ALL IMMEDIATE;
IF maint_k = pg_catalog.cardinality(maint_r) THEN
"maint_n0" := "maint_n0" + pg_catalog.cardinality("maint_a0");
"maint_n1" := "maint_n1" + pg_catalog.cardinality("maint_a1");
"maint_n2" := "maint_n2" + pg_catalog.cardinality("maint_a2");
"maint_n3" := "maint_n3" + pg_catalog.cardinality("maint_a3");
"maint_u0" := "maint_u0" + pg_catalog.cardinality("maint_l0");
ELSE
IF pg_catalog.cardinality("maint_a0") > 0 THEN
    SELECT pg_catalog.cardinality("maint_a0") - count(*) INTO maint_k
    FROM ONLY "app"."users" WHERE ctid = ANY (ARRAY(SELECT pg_catalog.currtid2('"app"."users"', place)
        FROM pg_catalog.unnest("maint_a0") AS place));
    "maint_n0" := "maint_n0" + maint_k;
    maint_gone := maint_gone + maint_k;
END IF;
IF pg_catalog.cardinality("maint_a1") > 0 THEN
    FOR maint_leaf, maint_t IN
        SELECT found.leaf, pg_catalog.array_agg(found.place)
        FROM ROWS FROM (pg_catalog.unnest("maint_o1"), pg_catalog.unnest("maint_a1"))
            AS found (leaf, place) GROUP BY found.leaf
    LOOP
        EXECUTE pg_catalog.format(
            'SELECT pg_catalog.cardinality($1) - count(*) FROM ONLY %1$s WHERE ctid = ANY (ARRAY('
            'SELECT pg_catalog.currtid2(%1$L, place) FROM pg_catalog.unnest($1) AS place))',
            maint_leaf::regclass) INTO maint_k USING maint_t;
        "maint_n1" := "maint_n1" + maint_k;
        maint_gone := maint_gone + maint_k;
    END LOOP;
END IF;
IF pg_catalog.cardinality("maint_a2") > 0 THEN
    SELECT pg_catalog.cardinality("maint_a2") - count(*) INTO maint_k
    FROM ONLY "app"."comments" WHERE ctid = ANY (ARRAY(SELECT pg_catalog.currtid2('"app"."comments"', place)
        FROM pg_catalog.unnest("maint_a2") AS place));
    "maint_n2" := "maint_n2" + maint_k;
    maint_gone := maint_gone + maint_k;
END IF;
IF pg_catalog.cardinality("maint_a3") > 0 THEN
    SELECT pg_catalog.cardinality("maint_a3") - count(*) INTO maint_k
    FROM ONLY "app"."sessions" WHERE ctid = ANY (ARRAY(SELECT pg_catalog.currtid2('"app"."sessions"', place)
        FROM pg_catalog.unnest("maint_a3") AS place));
    "maint_n3" := "maint_n3" + maint_k;
    maint_gone := maint_gone + maint_k;
END IF;
IF pg_catalog.cardinality("maint_l0") > 0 THEN
    SELECT pg_catalog.cardinality("maint_l0") - count(*) INTO maint_k
    FROM ONLY "app"."notes" WHERE ctid = ANY ("maint_l0");
    "maint_u0" := "maint_u0" + maint_k;
    maint_gone := maint_gone + maint_k;
END IF;
END IF;
END IF;
EXCEPTION WHEN SQLSTATE 'MT006' THEN NULL;
WHEN OTHERS OR assert_failure THEN
    IF left(SQLSTATE, 2) IN ('MT', '08', '40', '53', '57', '58', 'F0', 'XX') THEN
        RAISE;
    END IF;
    maint_named := maint_before;

    IF SQLSTATE = '55P03' THEN
        maint_waits := maint_waits + 1;
    END IF;
    IF pg_catalog.cardinality(maint_r) > 1 THEN
        maint_retry := true;
        maint_group := CASE WHEN SQLSTATE = '55P03' THEN 1
            ELSE greatest(1, pg_catalog.cardinality(maint_c) / 2) END;
    ELSIF SQLSTATE = '55P03' THEN
        maint_alone := true;
        maint_locked := maint_locked + 1;
    ELSE
        maint_alone := true;
        maint_failed := maint_failed + 1;
        IF jsonb_array_length(maint_failures) < 20 THEN
            maint_failures := maint_failures || pg_catalog.jsonb_build_array(
                pg_catalog.jsonb_build_array(
                    (SELECT concat('id = ', id::text) FROM ONLY "app"."users" WHERE ctid = maint_r[1]), SQLSTATE, SQLERRM));
        END IF;
    END IF;
    maint_r := '{}';
    maint_more := false;
END;
maint_n := "maint_n0";
maint_groups := maint_groups + 1;
IF maint_more THEN
    maint_groups := 2;
ELSIF maint_groups = 1 THEN
    maint_first := extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000::numeric;
    
ELSIF maint_groups = 2 THEN
    maint_second := extract(epoch FROM clock_timestamp() - maint_began) * 1000::numeric;
END IF;
IF NOT maint_more AND NOT maint_retry THEN
    maint_left := maint_left + maint_locked;
    maint_stay := maint_stay + maint_blocked;
    "maint_y0" := "maint_y0" + "maint_x0";
    maint_i := maint_i + pg_catalog.cardinality(maint_c);
    IF pg_catalog.cardinality(maint_c) > 0 THEN
        maint_at := maint_c[pg_catalog.cardinality(maint_c)];
    END IF;
    IF maint_i > pg_catalog.cardinality(maint_w) THEN
        IF pg_catalog.cardinality(maint_w) < 10000 THEN
            maint_at := maint_to;
        END IF;
        maint_w := NULL;
    END IF;
    maint_group := CASE WHEN maint_alone OR maint_groups < 2 THEN maint_group
        WHEN clock_timestamp() - maint_began < make_interval(secs => maint_seconds / 8.0::float8)
            THEN least(1024, maint_group * 2)
        WHEN clock_timestamp() - maint_began > make_interval(secs => maint_seconds / 4.0::float8)
            THEN greatest(1, maint_group / 2)
        ELSE maint_group END;
END IF;
maint_end := maint_at::text;
maint_stop := maint_at >= '(9,0)'::tid;
maint_extra := pg_catalog.json_build_object(
    'members', ARRAY["maint_n0", "maint_n1", "maint_n2", "maint_n3"]::bigint[],
    'unlinked', ARRAY["maint_u0"]::bigint[], 'blockers', ARRAY["maint_y0"]::bigint[],
    'blocked', maint_stay, 'named', maint_named, 'group', maint_group, 'failed', maint_failed,
    'failures', maint_failures, 'waits', maint_waits, 'retry', maint_retry,
    'first', maint_first, 'second', maint_second);


