"""Values of many types, as PostgreSQL would read them from text."""

import json
import struct

from hypothesis import strategies as st

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)


def _float(bits: int) -> str:
    return repr(struct.unpack("<d", struct.pack("<Q", bits))[0])


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


VALUES: dict[str, st.SearchStrategy[str]] = {
    "text": TEXTS | st.sampled_from(["\\N", "\\.", "\t\n\r\b\f\v\\", "\x01\x1b\x7f", ""]),
    "integer": st.integers(-(2**31), 2**31 - 1).map(str),
    "bigint": st.integers(-(2**63), 2**63 - 1).map(str),
    "numeric": st.decimals(allow_nan=False, allow_infinity=False).map(str)
    | st.sampled_from(["NaN", "Infinity", "-Infinity", "1e-1000", "1.10", "0.000"]),
    "float8": st.integers(0, 2**64 - 1).map(_float),
    "float4": st.floats(width=32).map(repr),
    "bytea": st.binary(max_size=12).map(lambda data: "\\x" + data.hex()),
    "boolean": st.booleans().map(str),
    "text[]": st.lists(st.none() | TEXTS.map(lambda text: f'"{_escaped(text)}"'), max_size=3).map(
        lambda items: "{" + ",".join(i or "NULL" for i in items) + "}"
    ),
    "int4range": st.sampled_from(["empty", "[1,5)", "(,)", "[-3,-2]", "(,7]"]),
    "int8multirange": st.sampled_from(["{}", "{[1,5),[9,10)}", "{(,)}"]),
    "json": TEXTS.map(lambda text: ' {"a":  ' + json.dumps(text) + "} ") | st.just("null"),
    "jsonb": st.sampled_from(["null", "[]", '{"b": 1.10, "a": null}', '"\\u20ac"']),
    "timestamptz": st.datetimes().map(lambda when: f"{when.isoformat()}+00")
    | st.sampled_from(["infinity", "-infinity", "0044-03-15 12:00:00.000001+00 BC"]),
    "timestamp": st.datetimes().map(lambda when: when.isoformat()),
    "date": st.dates().map(str) | st.just("infinity"),
    "time": st.times().map(str) | st.just("24:00"),
    "interval": st.sampled_from(["-1 year 2 mons -3 days 04:05:06.000007", "0", "1 mon -1 day"]),
    "bit varying": st.text("01", max_size=9),
    "inet": st.ip_addresses().map(str) | st.just("10.1.2.3/8"),
    "uuid": st.uuids().map(str),
    "mood": st.sampled_from(["so so", "fine"]),
    "pair": st.sampled_from(["(,)", '(1,"a ""b"" \\\\ (c)")', "(2,)"]),
    "positive": st.integers(1, 9).map(str),
}
TYPES = """
CREATE TYPE mood AS ENUM ('so so', 'fine');
CREATE TYPE pair AS (a integer, b text);
CREATE DOMAIN positive AS integer CHECK (value > 0);
"""
