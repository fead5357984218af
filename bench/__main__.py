"""`python -m bench`: run the benchmarks and write docs/performance.md."""

import argparse
import signal
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from bench import document, machine, server
from bench.context import Bench
from bench.quiet import WATCH
from bench.rounds import say
from bench.scale import SCALES

NAMES = (
    "startup",
    "sweep",
    "batches",
    "snapshot",
    "disturbance",
    "distance",
    "memory",
    "large",
    "cascade",
    "wide",
    "archive",
    "shards",
    "partitions",
)


def main() -> int:
    """Run what was asked for; 0 also when a budget is missed, since the tables say so."""
    asked = _asked()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started ends, too
    with ExitStack() as stack:
        folder = asked.dir or stack.enter_context(
            tempfile.TemporaryDirectory(prefix="maint-bench-")
        )
        Path(folder).mkdir(exist_ok=True)
        scale = SCALES[asked.scale]
        scale = replace(scale, rounds=asked.rounds or scale.rounds)
        WATCH.most_again = scale.again if asked.again is None else asked.again
        bench = Bench(server.start(asked.data), scale, Path(folder))
        size = f"{scale.name} run, rounds: {scale.rounds}"
        where = machine.circumstances(bench.server.version(), size, bench.server.folder)
        for name in asked.only or _usual(asked.scale):
            say(f"{name}:")
            WATCH.begin()
            section = import_module(f"bench.{name}").run(bench)
            seen = f"{where} {WATCH.said()}".strip()
            sys.stdout.write(f"{section.markdown(seen)}\n\n")
            sys.stdout.flush()
            if asked.write:
                document.write(section, seen)
    return 0


def _usual(scale: str) -> list[str]:
    return [name for name in NAMES if name != "large" or scale == "full"]


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    add = parser.add_argument
    add("--only", action="append", choices=NAMES, help="this one only; may be repeated")
    add("--quick", dest="scale", action="store_const", const="quick", help="small and short")
    add("--full", dest="scale", action="store_const", const="full", help="50 million rows, too")
    add("--rounds", type=int, help="rounds of each measurement, start-up aside")
    add("--again", type=int, help="how often at most a disturbed measurement is made again")
    add("--dir", type=Path, help="keep the environments of the peers in this folder")
    add("--data", type=Path, help="where the server's data go (some 15 GB; 100 GB with --full)")
    add("--write", action=argparse.BooleanOptionalAction, help="docs/performance.md, too")
    parser.set_defaults(scale="usual")
    asked = parser.parse_args()
    if asked.write is None:
        asked.write = asked.scale != "quick"
    return asked


if __name__ == "__main__":
    sys.exit(main())
