"""Rows with children: one cascading DELETE, parents with their children, children first."""

from dataclasses import dataclass
from functools import partial
from statistics import median

from bench import databases
from bench.configured import sweep
from bench.context import Bench
from bench.record import record
from bench.report import Section, Table
from bench.rounds import interleaved

_PARENTS = "CREATE TABLE parents (id bigint PRIMARY KEY, touched_at timestamptz NOT NULL)"
_CHILDREN = """
CREATE TABLE children (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    parent_id bigint NOT NULL REFERENCES parents ON DELETE CASCADE,
    body      text NOT NULL
)"""
_DELETE = "DELETE FROM parents WHERE touched_at < now() - interval '30 days'"


@dataclass(frozen=True)
class Families:
    """So many stale parents with so many children each, and as many fresh ones without."""

    parents: int
    children: int

    def __str__(self) -> str:
        who = "one parent" if self.parents == 1 else f"{self.parents:,} parents"
        return f"{who} with {self.children:,} children"

    @property
    def name(self) -> str:
        """The name of its template database."""
        return f"families_{self.parents}_{self.children}"

    def made(self, bench: Bench) -> str:
        """The template database."""
        many, few = self.parents, self.children
        return databases.template(
            bench.server,
            self.name,
            str(self),
            _PARENTS,
            _CHILDREN,
            "INSERT INTO parents SELECT i, now() - CASE WHEN i % 2 = 0 THEN interval '60 days'"
            f" ELSE interval '1 day' END FROM generate_series(1, {2 * many}) i",
            "INSERT INTO children (parent_id, body) SELECT 2 * p, rpad('', 100, 'x')"
            f" FROM generate_series(1, {few}) c, generate_series(1, {many}) p",
            "CREATE INDEX ON children (parent_id)",
        )


def run(bench: Bench) -> Section:
    """Measure it."""
    rows = bench.scale.rows // 5
    lines: list[tuple[str, ...]] = []
    for shape in (Families(rows // 10, 10), Families(rows // 1_000, 1_000), Families(1, rows)):
        found = interleaved(_ways(bench, shape), bench.scale.rounds)
        one = median(seconds for seconds, _ in found["one DELETE"])
        for name, results in found.items():
            took, longest = (median(figures) for figures in zip(*results, strict=True))
            what = f"{shape}: {name}"
            speed = shape.parents * (1 + shape.children) / took / 1e6
            lines.append(
                (what, f"{took:.2f}", f"{speed:.2f}", f"{one / took:.2f}", f"{longest:.0f}")
            )
        databases.drop(bench.server, shape.name)
    how = (
        "Children reference their parent ON DELETE CASCADE, with an index. `together`: a parent may"
        " become fresh again, so it goes with all its children in one transaction. `children"
        " first`: it cannot (`final = true`), so they go before it, in bounded batches. Without"
        " pauses (`--share 100`), from the first batch to the last."
    )
    heading = ("way", "seconds", "M rows/s", "speed vs one DELETE", "longest transaction ms")
    return Section("cascade", "Rows with children", how, [Table(heading, lines)])


def _ways(bench: Bench, shape: Families) -> dict[str, partial[tuple[float, float]]]:
    return {
        "one DELETE": partial(_delete, bench, shape),
        "together": partial(_sweep, bench, shape, final=False),
        "children first": partial(_sweep, bench, shape, final=True),
    }


def _delete(bench: Bench, shape: Families) -> tuple[float, float]:
    with databases.copied(bench.server, partial(shape.made, bench)) as database:
        took = bench.server.psql(database, _DELETE).seconds
    return took, took * 1000


def _sweep(bench: Bench, shape: Families, *, final: bool) -> tuple[float, float]:
    job = sweep(
        bench.folder, "old-parents", table="parents", column="touched_at", keep="30d", final=final
    )
    with databases.copied(bench.server, partial(shape.made, bench)) as database:
        found = record(bench.server.dsn(database), job, "--share", "100")
    if found.deleted != shape.parents:
        raise AssertionError(f"{found.deleted} parents were deleted, not {shape.parents}")
    return found.work_seconds, max(b.wall_ms for b in found.batches)
