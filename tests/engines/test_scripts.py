"""The PL/pgSQL of a batch, for one small schema, as text in golden/.

After an intended change: `WRITE_GOLDEN=1 pytest tests/engines/test_scripts.py`, and read the diff.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from psycopg import sql

from maintcli.db.catalog.links import ForeignKey, Link, Links
from maintcli.db.catalog.relations import Relation
from maintcli.db.catalog.tables import Column, Part
from maintcli.engines.base.batch import Step
from maintcli.engines.base.delete import Bite
from maintcli.engines.foreign_keys.archived import ArchivedWalk, Carry
from maintcli.engines.foreign_keys.graph import Cascade, through_roots
from maintcli.engines.foreign_keys.look import facts
from maintcli.engines.foreign_keys.walk import ClosureWalk
from maintcli.engines.sweep.walks import PlainWalk
from maintcli.engines.windows.blocks import Blocks
from maintcli.engines.windows.values import Values
from maintcli.engines.windows.window import Windows

GOLDEN = Path(__file__).parent / "golden"

USERS, SESSIONS, NOTES, INVOICES, COMMENTS, EVENTS, EVENTS_1 = range(1, 8)
NAMES = ["", "users", "sessions", "notes", "invoices", "comments", "events", "events_1"]
STALE = sql.SQL("seen < '2026-01-01'")
SEEN = Column(
    "seen", "timestamp with time zone", False, "timestamp with time zone", False, "pg_catalog"
)
CUTOFF = sql.SQL("'2026-01-01'::timestamptz")


def relation(oid: int) -> Relation:
    """A table of the schema, of which `events_1` is a partition of `events`."""
    top = NAMES[EVENTS] if oid == EVENTS_1 else NAMES[oid]
    name, whole = NAMES[oid], oid == EVENTS
    return Relation(
        oid, "app", name, whole, "app", top, 9, "me", False, True, frozenset(), "", False, (), ()
    )


def link(child: int, action: str, parent: int = USERS, *, table: int | None = None) -> Link:
    """A foreign key of one column."""
    table = table or child
    column = f"{NAMES[parent].removesuffix('s')}_id"
    key = ForeignKey(
        100 + child,
        f"{NAMES[table]}_{column}_fkey",
        "app",
        NAMES[table],
        table == EVENTS,
        action,
        (column,),
        ("id",),
        (("pg_catalog", "="),),
        (column,),
        None,
        table,
    )
    return Link(key, parent, child, indexed=True)


LINKS = Links(
    {oid: relation(oid) for oid in (USERS, SESSIONS, NOTES, INVOICES, COMMENTS, EVENTS_1)},
    (
        link(SESSIONS, "CASCADE"),
        link(NOTES, "SET NULL"),
        link(INVOICES, "NO ACTION"),
        link(COMMENTS, "CASCADE"),
        link(COMMENTS, "CASCADE", COMMENTS),
        link(EVENTS_1, "CASCADE", table=EVENTS),
    ),
    {EVENTS: relation(EVENTS)},
)
OWN = frozenset({USERS})
PART = Part(
    USERS, "app", "users", "r", True, 9, 9, frozenset({"seen"}), True, True, True, False, 9, True
)


def text(step: Step) -> str:
    """What a step is made of."""
    none = sql.SQL("")
    pieces = [step.settings or none, step.declare or none, step.bite, step.terms.check or none]
    return "\n\n".join(piece.as_string() for piece in pieces) + "\n"


def closure(windows: Windows, kind: type[ClosureWalk] = ClosureWalk) -> ClosureWalk:
    """A walk over `windows` that takes all that refers to `users`."""
    cascade = Cascade(USERS, LINKS)
    check = facts(cascade, columns=kind is ArchivedWalk).check("before")
    known = cascade if kind is ArchivedWalk else through_roots(cascade, OWN)
    return kind(known, STALE, windows, final=False, own=OWN, unchanged=check)


def blocks() -> Blocks:
    """All blocks of `users`."""
    return Blocks(PART.quoted, STALE, PART.blocks)


def values() -> Values:
    """All values of `seen` below the cutoff."""
    return Values(PART.quoted, STALE, SEEN, CUTOFF)


def isolated() -> Step:
    """A batch that passes by rows which object to their removal."""
    walk = closure(blocks())
    walk.isolate(sql.SQL("concat('id = ', id::text)"))
    return walk.step(Bite(2))


def archived() -> str:
    """Both messages of a batch whose rows are archived."""
    walk = closure(blocks(), ArchivedWalk)
    assert isinstance(walk, ArchivedWalk)
    pieces = walk.windows.pieces(2)
    carry = walk.carry = Carry(walk.script.cascade)
    first = walk.body(pieces, sql.SQL(""), skip=False)
    second = [carry.take(), walk.script.remove(), carry.exactly()]
    return "\n\n".join(one.as_string() for one in (walk.declare(1), first, *second)) + "\n"


SCRIPTS: dict[str, Callable[[], Step | str]] = {
    "heap": lambda: PlainWalk(USERS, blocks()).step(Bite(2)),
    "heap_locked": lambda: PlainWalk(USERS, blocks()).step(Bite(2, skip_locked=True)),
    "heap_shown": lambda: PlainWalk(USERS, blocks()).step(
        Bite(2, show=("name",), most_shown=20, limited=True)
    ),
    "index": lambda: PlainWalk(USERS, values()).step(Bite(50)),
    "blocks": lambda: closure(blocks()).step(Bite(2)),
    "blocks_locked": lambda: closure(blocks()).step(Bite(2, skip_locked=True)),
    "blocks_isolated": isolated,
    "blocks_archived": archived,
    "values": lambda: closure(values()).step(Bite(50, show=("name",), most_shown=20)),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_is_as_written(name: str) -> None:
    """A change of what the server executes is seen in a diff of SQL."""
    made = SCRIPTS[name]()
    script = made if isinstance(made, str) else text(made)
    golden = GOLDEN / f"{name}.sql"
    if "WRITE_GOLDEN" in os.environ:
        golden.write_text(script, encoding="utf-8")
    assert script == golden.read_text(encoding="utf-8")


def test_no_script_is_left_over() -> None:
    """Each file in golden/ is compared."""
    assert {file.stem for file in GOLDEN.glob("*.sql")} == set(SCRIPTS)
