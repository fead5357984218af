"""Many tables or partitions that refer to the swept one, and a condition that looks elsewhere."""

from dataclasses import dataclass
from functools import partial
from statistics import median

from bench import databases
from bench.configured import sweep
from bench.context import Bench
from bench.record import record
from bench.report import Budget, Section, Table
from bench.rounds import interleaved

_TABLE = "CREATE TABLE mails (id bigint PRIMARY KEY, sent_at timestamptz NOT NULL, body text)"
_OLD = "sent_at < now() - interval '30 days'"
_UNLOGGED = "NOT EXISTS (SELECT FROM maillog WHERE maillog.mail = mails.id)"


@dataclass(frozen=True)
class Shape:
    """A table with `rows` rows, half of them old, and what `more` statements put beside it.

    Old rows go where `where` holds, too; that is half of them if it is given.
    """

    name: str
    what: str
    rows: int
    more: tuple[str, ...]
    least: float
    where: str = ""

    @property
    def stale(self) -> int:
        """How many rows go."""
        return self.rows // 4 if self.where else self.rows // 2

    def made(self, bench: Bench) -> str:
        """The template database."""
        return databases.template(
            bench.server,
            f"wide_{self.name}",
            self.what,
            _TABLE,
            "INSERT INTO mails SELECT i, now() - CASE WHEN i % 2 = 0 THEN interval '60 days'"
            " ELSE interval '1 day' END, rpad('', 100, 'x')"
            f" FROM generate_series(1, {self.rows}) i",
            *self.more,
        )


def _children(number: int) -> tuple[str, ...]:
    made = (
        (
            f"CREATE TABLE child_{n} (mail bigint NOT NULL REFERENCES mails ON DELETE CASCADE)",
            f"INSERT INTO child_{n} SELECT id FROM mails",
            f"CREATE INDEX ON child_{n} (mail)",
        )
        for n in range(number)
    )
    return tuple(statement for statements in made for statement in statements)


def _leaves(number: int) -> tuple[str, ...]:
    return (
        "CREATE TABLE child (id bigint, mail bigint NOT NULL) PARTITION BY HASH (id)",
        *(
            f"CREATE TABLE child_{n} PARTITION OF child"
            f" FOR VALUES WITH (MODULUS {number}, REMAINDER {n})"
            for n in range(number)
        ),
        "INSERT INTO child SELECT id, id FROM mails",
        "CREATE INDEX ON child (mail)",
        "ALTER TABLE child ADD FOREIGN KEY (mail) REFERENCES mails ON DELETE CASCADE",
    )


_LOG = (
    "CREATE TABLE maillog (mail bigint, word text)",
    "INSERT INTO maillog SELECT id, 'sent' FROM mails WHERE id % 4 < 2",
    "CREATE INDEX ON maillog (mail)",
)


def run(bench: Bench) -> Section:
    """Measure it."""
    rows = bench.scale.rows
    shapes = (
        Shape("children", "40 tables that refer", rows // 100, _children(40), 0.3),
        Shape("leaves", "a child with 400 partitions", rows // 250, _leaves(400), 0.3),
        Shape("subquery", "a condition with a subquery", rows // 5, _LOG, 0.5, _UNLOGGED),
    )
    lines: list[tuple[str, ...]] = []
    budgets: list[Budget] = []
    for shape in shapes:
        found = interleaved(
            {"one DELETE": partial(_delete, bench, shape), "maint": partial(_sweep, bench, shape)},
            bench.scale.rounds,
        )
        took = {name: median(seconds) for name, seconds in found.items()}
        ratio = took["one DELETE"] / took["maint"]
        figures = (f"{took['one DELETE']:.2f}", f"{took['maint']:.2f}", f"{ratio:.2f}")
        lines.append((f"{shape.what}: {shape.stale:,} rows", *figures))
        budgets.append(
            Budget(f"{shape.what}, against one DELETE", ratio, shape.least, at_most=False)
        )
        databases.drop(bench.server, f"wide_{shape.name}")
    how = (
        "Each of the 40 tables, and the child with 400 partitions (by hash of another column), has"
        " one row for each of the swept one and refers to it ON DELETE CASCADE, with an index. The"
        f" subquery is `{_UNLOGGED}`, with an index. Half of the rows are old. Without pauses"
        " (`--share 100`), from the first batch to the last."
    )
    heading = ("what", "one DELETE, seconds", "maint, seconds", "speed vs one DELETE")
    return Section("wide", "Many references, and subqueries", how, [Table(heading, lines)], budgets)


def _delete(bench: Bench, shape: Shape) -> float:
    where = f"{_OLD} AND {shape.where}" if shape.where else _OLD
    with databases.copied(bench.server, partial(shape.made, bench)) as database:
        return bench.server.psql(database, f"DELETE FROM mails WHERE {where}").seconds


def _sweep(bench: Bench, shape: Shape) -> float:
    condition = {"where": shape.where, "allow-sql": True} if shape.where else {}
    keys = {"table": "mails", "column": "sent_at", "keep": "30d", **condition}
    job = sweep(bench.folder, f"old-{shape.name}", **keys)
    with databases.copied(bench.server, partial(shape.made, bench)) as database:
        found = record(bench.server.dsn(database), job, "--share", "100")
    if found.deleted != shape.stale:
        raise AssertionError(f"{found.deleted} rows were deleted, not {shape.stale}")
    return found.work_seconds
