"""maint restore: every type comes back as it was, to the last bit."""

from pathlib import Path

from tests.engines.restore.test_restore import contents
from tests.parts.archives import Conn, archiving
from tests.parts.inside import Inside

TYPES = """
CREATE TYPE mood AS ENUM ('so so', 'fine');
CREATE TYPE pair AS (a integer, b text);
CREATE DOMAIN positive AS integer CHECK (value > 0);
CREATE TABLE every (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    n numeric, f8 float8, f4 float4, b bytea, t text, c char(5), v varchar(9), q "char",
    ia integer[], ta text[], r int4range, mr datemultirange, j json, jb jsonb,
    ts timestamp, tz timestamptz, d date, tm time, tmz timetz, iv interval,
    bi bit(3), vb bit varying, ip inet, net cidr, mac macaddr, u uuid, m mood, p pair, pa pair[],
    pos positive, mo money, pt point, po polygon, tv tsvector, o oid, rc regclass, bo boolean,
    lsn pg_lsn, doubled numeric GENERATED ALWAYS AS (n * 2) STORED
);
"""
ROWS = (
    "n) VALUES ('NaN'), ('Infinity'), ('-Infinity'), (1e-1000), (123456789012345678901234567890.5)",
    "n) VALUES (1.10), (NULL)",
    "f8) VALUES ('NaN'), ('-Infinity'), ('-0'), (5e-324), (1.7976931348623157e308), (0.1::float8 * 3)",
    "f4) VALUES (1e-45), (16777217), (0.1)",
    r"b) VALUES (''), ('\x00ff5c0a'), (decode(repeat('5c', 300), 'hex'))",
    r"t) VALUES (''), ('\N'), ('\.'), (E'\\t\t\n\r\b\f\v\\'), ('ünïcödé 😀'), (NULL)",
    "t) SELECT string_agg(chr(i), '') FROM generate_series(1, 300) i",
    "c, v, q) VALUES ('ab', '  x ', 'z'), ('', '', ''), (NULL, NULL, E'\\n')",
    "ia, ta) VALUES ('{}', '{}'), ('{NULL,1}', '{NULL,\"NULL\",\"\",\"a,b\",\"{\"}'), ('[2:3]={1,2}', '{{a},{b}}')",
    "r, mr) VALUES ('empty', '{}'), ('[1,5)', '{[2026-01-01,2026-02-01),[infinity,)}'), ('(,)', '{(,)}')",
    """j, jb) VALUES ('{"a" :  1, "a":2}', '{"a":1e400}'), ('null', 'null'), (NULL, NULL), ('"\\u00e9\\n"', '[]')""",
    "ts, tz, d) VALUES ('infinity', '-infinity', 'infinity'), ('0044-03-15 BC', '0001-01-01+00', '4714-11-24 BC')",
    "ts, tz, d) VALUES ('2026-11-22 01:02:03.000001', '2026-11-22 01:02:03.999999+05:30', '2026-11-22')",
    "tm, tmz, iv) VALUES ('24:00', '23:59:59.999999-15:59', '-1 year 2 mons -3 days 04:05:06.000007'), (NULL, NULL, '0')",
    "bi, vb) VALUES (B'101', B''), (NULL, B'0101')",
    "ip, net, mac, u) VALUES ('::1', '10.0.0.0/8', '08:00:2b:01:02:03', gen_random_uuid()), ('10.1.2.3/8', NULL, NULL, NULL)",
    """m, p, pa, pos) VALUES ('so so', '(1,"a ""b"", (c)")', ARRAY[ROW(1, NULL), NULL]::pair[], 1), (NULL, '(,)', '{}', NULL)""",
    "mo, pt, po, tv, o, rc, bo, lsn) VALUES ('-12.34', '(1.5,-0)', '((0,0),(1,1))', 'a:1 ''b''''c'':2A', 4294967295, 'pg_class', true, '16/B374D848')",
)


def test_every_type_is_exact(inside: Inside, conn: Conn, tmp_path: Path) -> None:
    """Generated columns are computed again, identities are the old ones."""
    conn.execute(TYPES)
    for rows in ROWS:
        conn.execute(f"INSERT INTO every ({rows}")
    before = contents(conn, "every")
    binary = conn.execute(
        "SELECT md5(string_agg(float8send(f8) || float4send(f4), '' ORDER BY id)) FROM every"
    ).fetchone()
    archive = archiving(conn, tmp_path / "archive", "every")
    archive.batch(("every", "id % 3 = 0"))
    archive.batch(("every", "true"))
    dry = inside("restore", archive.run_id, "--dry-run", "--json").json
    assert dry["restored_count"] == len(before[0])
    report = inside("restore", archive.run_id, "--json").json
    assert report["restored_count"] == len(before[0])
    assert contents(conn, "every") == before
    again = conn.execute(
        "SELECT md5(string_agg(float8send(f8) || float4send(f4), '' ORDER BY id)) FROM every"
    ).fetchone()
    assert again == binary
    conn.execute("INSERT INTO every (t) VALUES ('the identity goes on')")


def test_names_need_no_mercy(inside: Inside, conn: Conn, tmp_path: Path) -> None:
    """Quotes, dollars, braces, new lines and percent signs in names."""
    name = '''"a ""b"" $maint$ {c} %s '; DROP TABLE x; --\n\\."'''
    conn.execute(f"CREATE SCHEMA {name}; CREATE TABLE {name}.{name} ({name} text UNIQUE NOT NULL)")
    conn.execute(f"INSERT INTO {name}.{name} VALUES ('%s'), ('{{}}'), ('')")
    before = contents(conn, f"{name}.{name}")
    archive = archiving(conn, tmp_path / "archive", f"{name}.{name}")
    archive.batch((f"{name}.{name}", "true"))
    assert inside("restore", archive.run_id, "--dry-run", "--json").json["restored_count"] == 3
    conn.execute(f"INSERT INTO {name}.{name} VALUES ('')")
    found = inside("restore", archive.run_id, "--json")
    assert (found.json["restored_count"], found.json["existing_count"]) == (2, 1), found.err
    assert contents(conn, f"{name}.{name}") == before
