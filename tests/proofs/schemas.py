"""Schemas by chance: a table to sweep, and up to two that refer to it, to each other or back."""

from dataclasses import dataclass

import psycopg
from hypothesis import strategies as st
from psycopg import sql

from tests.proofs.values import TYPES, VALUES

ACTIONS = ("CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION")
STALE, FRESH = "2020-01-01", "2100-01-01"


@dataclass(frozen=True)
class Reference:
    """A foreign key from a column `to_N` of its table to the key of another, or of its own."""

    to: int
    action: str
    deferrable: bool


@dataclass(frozen=True)
class TableMade:
    """A table: what its key is, what else is in it, what it refers to, and its rows.

    A row is whether it is stale, a value of each column, and the place of each row it refers to.
    """

    key: str
    types: tuple[str, ...]
    references: tuple[Reference, ...]
    rows: tuple[tuple[bool, tuple[str | None, ...], tuple[int | None, ...]], ...]


KEYS = {
    "identity": "id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    "deferrable": "id integer PRIMARY KEY DEFERRABLE",
    "unique": "id integer UNIQUE",
    "none": "id integer",
}


@st.composite
def tables(draw: st.DrawFn) -> list[TableMade]:
    """The first is the one to sweep; row 0 of each is fresh, and what SET DEFAULT leads to.

    Row 1 is stale.
    """
    count = draw(st.integers(1, 3))
    sizes = [draw(st.integers(2, 9)) for _ in range(count)]
    return [_table(draw, number, sizes) for number in range(count)]


def _table(draw: st.DrawFn, number: int, sizes: list[int]) -> TableMade:
    types = tuple(draw(st.lists(st.sampled_from(sorted(VALUES)), max_size=3)))
    referring = draw(st.lists(st.integers(0, number), max_size=2, unique=True))
    references = tuple(
        Reference(to, draw(st.sampled_from(ACTIONS)), draw(st.booleans())) for to in referring
    )
    row = st.tuples(
        st.booleans(),
        st.tuples(*[st.none() | VALUES[kind] for kind in types]),
        st.tuples(*[st.none() | st.integers(0, sizes[r.to] - 1) for r in references]),
    )
    rows = draw(st.lists(row, min_size=sizes[number], max_size=sizes[number]))
    links = any(reference.action.startswith("SET") for reference in references)
    keys = ["identity", *([] if links else ["unique"])]  # a link needs a primary key
    if number == len(sizes) - 1 and number not in referring:  # nobody refers to it
        keys += ["deferrable", *([] if links else ["none"])]
    return TableMade(draw(st.sampled_from(keys)), types, references, tuple(rows))


def create(conn: psycopg.Connection, made: list[TableMade]) -> None:
    """Make the tables and fill them."""
    conn.execute(TYPES)
    for number, table in enumerate(made):
        columns = [KEYS[table.key], "stale_at timestamptz NOT NULL"]
        columns += [f"c{n} {kind}" for n, kind in enumerate(table.types)]
        columns += [f"to_{r.to} integer DEFAULT 0" for r in table.references]
        columns += ["twice integer GENERATED ALWAYS AS (id * 2) STORED"]
        conn.execute(sql.SQL(f"CREATE TABLE t{number} ({', '.join(columns)})"))
    for number, table in enumerate(made):
        _fill(conn, number, table)
    for number, table in enumerate(made):
        for reference in table.references:
            wait = "DEFERRABLE INITIALLY DEFERRED" if reference.deferrable else ""
            conn.execute(
                sql.SQL(
                    f"ALTER TABLE t{number} ADD FOREIGN KEY (to_{reference.to})"
                    f" REFERENCES t{reference.to} (id) ON DELETE {reference.action} {wait}"
                )
            )


def _fill(conn: psycopg.Connection, number: int, table: TableMade) -> None:
    names = ["id", "stale_at", *(f"c{n}" for n in range(len(table.types)))]
    names += [f"to_{reference.to}" for reference in table.references]
    kinds = ["integer", "timestamptz", *table.types, *["integer"] * len(table.references)]
    values = ", ".join(f"%s::text::{kind}" for kind in kinds)
    insert = f"INSERT INTO t{number} ({', '.join(names)}) OVERRIDING SYSTEM VALUE VALUES ({values})"
    for place, (stale, row, references) in enumerate(table.rows):
        when = STALE if place == 1 or (stale and place) else FRESH
        conn.execute(sql.SQL(insert), [str(place), when, *row, *map(_text, references)])


def _text(place: int | None) -> str | None:
    return None if place is None else str(place)


def contents(conn: psycopg.Connection, made: list[TableMade]) -> list[list[tuple]]:
    """Every row of every table, as text."""
    return [
        conn.execute(sql.SQL(f"SELECT t::text FROM t{n} t ORDER BY 1")).fetchall()
        for n in range(len(made))
    ]
