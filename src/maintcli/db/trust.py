"""Whether the toolkit's tables are in the hands of roles that this role trusts anyway.

Whoever owns a table, or code that stands on it, has code of theirs run by each of our statements,
with our rights. A comment says nothing of that: every role may give one to a table of its own.
"""

from typing import LiteralString

# Each row names a table, what is wrong with it, and the statement that mends that. A trigger may be
# of the user's own, for example to be notified of a run. Superusers, the database's owner and the
# roles that we are a member of are trusted; pg_has_role() would call a superuser a member of all.
FINDINGS: LiteralString = """
WITH RECURSIVE mine(oid) AS (
    SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user
    UNION SELECT m.roleid FROM pg_catalog.pg_auth_members m JOIN mine ON m.member = mine.oid
), trusted(oid) AS (
    SELECT oid FROM mine
    UNION SELECT oid FROM pg_catalog.pg_roles WHERE rolsuper
    UNION SELECT datdba FROM pg_catalog.pg_database WHERE datname = current_database()
), tables AS (
    SELECT c.oid, c.relname::text AS name, c.relkind, c.relowner,
           format('%%I.%%I', n.nspname, c.relname) AS quoted
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %(schema)s AND c.relname = ANY (%(tables)s)
), code AS (
    SELECT t.oid, g.oid AS object, 'pg_catalog.pg_trigger'::regclass AS kind,
           format('the trigger %%I', g.tgname) AS what,
           format('DROP TRIGGER %%I ON %%s', g.tgname, t.quoted) AS cure
    FROM tables t JOIN pg_catalog.pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
    UNION ALL
    SELECT t.oid, f.oid, 'pg_catalog.pg_attrdef'::regclass,
           format('a default for its column %%I', a.attname),
           format('ALTER TABLE %%s ALTER %%I DROP DEFAULT', t.quoted, a.attname)
    FROM tables t JOIN pg_catalog.pg_attrdef f ON f.adrelid = t.oid
    JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = f.adnum
    UNION ALL
    SELECT t.oid, k.oid, 'pg_catalog.pg_constraint'::regclass,
           format('the constraint %%I', k.conname),
           format('ALTER TABLE %%s DROP CONSTRAINT %%I', t.quoted, k.conname)
    FROM tables t JOIN pg_catalog.pg_constraint k ON k.conrelid = t.oid
    UNION ALL
    SELECT t.oid, x.indexrelid, 'pg_catalog.pg_class'::regclass,
           format('the index %%s', x.indexrelid::regclass),
           format('DROP INDEX %%s', x.indexrelid::regclass)
    FROM tables t JOIN pg_catalog.pg_index x ON x.indrelid = t.oid
    UNION ALL
    SELECT t.oid, p.oid, 'pg_catalog.pg_policy'::regclass, format('the policy %%I', p.polname),
           format('DROP POLICY %%I ON %%s', p.polname, t.quoted)
    FROM tables t JOIN pg_catalog.pg_policy p ON p.polrelid = t.oid
)
SELECT t.name, format('belongs to role %%I', pg_get_userbyid(t.relowner)) AS what,
       format('ALTER TABLE %%s OWNER TO %%I', t.quoted, current_user) AS cure
FROM tables t WHERE t.relowner NOT IN (TABLE trusted)
UNION ALL
SELECT t.name, 'is not an ordinary table',
       format('ALTER TABLE %%s RENAME TO %%I', t.quoted, t.name || '_old')
FROM tables t WHERE t.relkind <> 'r'
UNION ALL
SELECT t.name, format('has the rule %%I', r.rulename),
       format('DROP RULE %%I ON %%s', r.rulename, t.quoted)
FROM tables t JOIN pg_catalog.pg_rewrite r ON r.ev_class = t.oid WHERE t.relkind = 'r'
UNION ALL
SELECT t.name, format('has %%s, which runs %%s of role %%I', c.what, f.oid::regprocedure,
                      pg_get_userbyid(f.proowner)), c.cure
FROM tables t JOIN code c ON c.oid = t.oid
JOIN pg_catalog.pg_depend d ON d.classid = c.kind AND d.objid = c.object
JOIN pg_catalog.pg_proc f ON d.refclassid = 'pg_catalog.pg_proc'::regclass AND f.oid = d.refobjid
WHERE c.kind <> 'pg_catalog.pg_trigger'::regclass OR f.proowner NOT IN (TABLE trusted)
UNION ALL
SELECT t.name, format('has the column %%I of the type %%s', a.attname, a.atttypid::regtype),
       format('ALTER TABLE %%s DROP COLUMN %%I', t.quoted, a.attname)
FROM tables t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0
JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
WHERE NOT a.attisdropped AND y.typnamespace <> 'pg_catalog'::regnamespace
"""
