"""A stranger's code under every name of the catalog that maint's source mentions."""

import re
import secrets
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

Conn = psycopg.Connection[Any]

# What runs leaves a file, which neither a ROLLBACK nor a READ ONLY transaction takes back.
_PLANT = """
CREATE ROLE {stranger};
GRANT CREATE ON SCHEMA public TO {stranger};
SET LOCAL ROLE {stranger};
SET LOCAL search_path = pg_catalog;
CREATE FUNCTION public.maint_planted(name pg_catalog.text) RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog AS $$
BEGIN
    IF current_user <> {literal} THEN
        EXECUTE format('COPY (SELECT current_user) TO %L', {folder} || '/' || quote_ident(name));
    END IF;
    RAISE EXCEPTION 'planted code ran: %', name;
END $$;
DO $do$
DECLARE
    one record;
    words text[] := {words};
    body text := 'BEGIN PERFORM public.maint_planted(%L); END';
BEGIN
    FOR one IN  -- the same arguments: a path with public before the catalog finds these
        SELECT p.oid, p.proname,
               (SELECT string_agg(format_type(a.type, NULL), ', ' ORDER BY a.place)
                FROM unnest(p.proargtypes) WITH ORDINALITY AS a(type, place)) AS arguments,
               CASE WHEN p.proretset THEN 'SETOF ' ELSE '' END || format_type(p.prorettype, NULL)
               AS result
        FROM pg_catalog.pg_proc p
        WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = ANY (words)
          AND NOT 'internal'::regtype = ANY (p.proargtypes::oid[])
          AND NOT 'cstring'::regtype = ANY (p.proargtypes::oid[])
          AND NOT '"any"'::regtype = ANY (p.proargtypes::oid[])
          AND p.prorettype NOT IN ('trigger'::regtype, 'internal'::regtype, 'cstring'::regtype)
        UNION ALL  -- and arguments that fit a call better than "any"
        SELECT DISTINCT 0::oid, p.proname, a.list, format_type(p.prorettype, NULL)
        FROM pg_catalog.pg_proc p
        CROSS JOIN LATERAL (
            SELECT concat_ws(', ', x, y, z) AS list
            FROM unnest('{{text,bigint,integer,json}}'::text[]) AS x,
                 unnest('{{NULL,text,bigint,integer,json}}'::text[]) AS y,
                 unnest('{{NULL,text,bigint,integer,json}}'::text[]) AS z
        ) AS a
        WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = ANY (words)
          AND '"any"'::regtype = ANY (p.proargtypes::oid[]) AND p.prokind = 'f'
    LOOP
        EXECUTE format('CREATE OR REPLACE FUNCTION public.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L',
                       one.proname, one.arguments, one.result, format(body, one.proname));
    END LOOP;
    FOR one IN
        SELECT o.oid, o.oprname, format_type(o.oprresult, NULL) AS result,
               nullif(o.oprleft, 0)::regtype AS le, o.oprright::regtype AS ri
        FROM pg_catalog.pg_operator o WHERE o.oprnamespace = 'pg_catalog'::regnamespace
          AND '"any"'::regtype NOT IN (o.oprleft, o.oprright)
    LOOP
        EXECUTE format('CREATE FUNCTION public.maint_operator_%s(%s) RETURNS %s LANGUAGE plpgsql AS %L',
                       one.oid, concat_ws(', ', one.le, one.ri), one.result,
                       format(body, 'operator ' || one.oid));
        EXECUTE format('CREATE OPERATOR public.%s (FUNCTION = public.maint_operator_%s, %s RIGHTARG = %s)',
                       one.oprname, one.oid, 'LEFTARG = ' || one.le || ',', one.ri);
    END LOOP;
    FOR one IN  -- and operands that fit better than what the catalog has
        SELECT le, ri, row_number() OVER () AS number, missing
        FROM unnest({types}::text[]) AS le, unnest({types}::text[]) AS ri, LATERAL (
            SELECT array_agg(name) AS missing
            FROM unnest('{{=,<>,<,<=,>,>=,+,-,*,/,||}}'::text[]) AS name
            WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_operator o WHERE o.oprname = name
                              AND o.oprleft = le::regtype AND o.oprright = ri::regtype)) AS w
    LOOP
        EXECUTE format('CREATE FUNCTION public.maint_pair_%s(%s, %s) RETURNS boolean LANGUAGE plpgsql AS %L',
                       one.number, one.le, one.ri, format(body, format('pair %s %s', one.le, one.ri)));
        EXECUTE (SELECT coalesce(string_agg(format(
            'CREATE OPERATOR public.%s (FUNCTION = public.maint_pair_%s, LEFTARG = %s, RIGHTARG = %s)',
            name, one.number, one.le, one.ri), ';'), 'SELECT') FROM unnest(one.missing) AS name);
    END LOOP;
    FOR one IN
        SELECT typname FROM pg_catalog.pg_type
        WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype = 'b' AND typname = ANY (words)
    LOOP
        EXECUTE format('CREATE DOMAIN public.%1$I AS pg_catalog.%1$I CHECK (public.maint_planted(%2$L))',
                       one.typname, 'type ' || one.typname);
    END LOOP;
    FOR one IN
        SELECT c.relname, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
         AND a.atttypid <> 'anyarray'::regtype
        WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind IN ('r', 'v')
          AND c.relname = ANY (words)
        GROUP BY c.relname
    LOOP
        EXECUTE format('CREATE VIEW public.%1$I AS SELECT %3$s FROM pg_catalog.%1$I'
                       ' WHERE public.maint_planted(%2$L)', one.relname, 'view ' || one.relname,
                       one.columns);
    END LOOP;
    CREATE TYPE public.maint_planted_type AS ENUM ('a');
    CREATE FUNCTION public.maint_cast(public.maint_planted_type) RETURNS pg_catalog.text
    LANGUAGE plpgsql AS $$BEGIN PERFORM public.maint_planted('cast'); END$$;
    CREATE CAST (public.maint_planted_type AS pg_catalog.text)
    WITH FUNCTION public.maint_cast(public.maint_planted_type) AS IMPLICIT;
END $do$;
"""


_TYPES = (
    *("integer", "bigint", "double precision", "numeric", "text", "varchar", "name", '"char"'),
    *("oid", "regclass", "tid[]", "text[]", "oid[]", "timestamptz", "interval", "json", "jsonb"),
)


def plant(conn: Conn, folder: Path, types: Sequence[str] = ()) -> None:
    """Plant it all into schema public; a name that is run as another role is left in `folder`.

    Operators also fit `types`, in pairs with themselves and with those of the catalog.

    A connection of later on looks into public before the catalog, so that a name is found there
    even where its arguments fit no better.
    """
    stranger = f"stranger_{secrets.token_hex(4)}"
    query = sql.SQL(_PLANT).format(  # type: ignore[arg-type]
        stranger=sql.Identifier(stranger),
        literal=stranger,
        folder=str(folder),
        words=sorted(_words()),
        types=[*_TYPES, *types],
    )
    with conn.transaction():
        conn.execute(query)
    conn.execute(
        sql.SQL("ALTER DATABASE {} SET search_path = public, pg_catalog").format(
            sql.Identifier(conn.info.dbname)
        )
    )


def _words() -> set[str]:
    found: set[str] = set()
    waiting: list[Traversable] = [resources.files("maintcli")]
    while waiting:
        one = waiting.pop()
        if one.is_dir():
            waiting += one.iterdir()
        elif one.name.endswith((".py", ".sql")):
            found.update(re.findall(r"[a-z_][a-z0-9_]*", one.read_text("utf-8")))
    return found
