"""How a command shows its data: as JSON, or as lines and tables, by rich on a terminal."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from maintcli.output.out import as_json, on_terminal, put
from maintcli.runtime.log import printable

_LAST_COLUMN = 24  # less room than this is not worth folding a text into
_GAP = 3


@dataclass(frozen=True, slots=True)
class Table:
    """Headings and rows of text; `empty` is what is said where there are no rows."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    empty: str = "Nothing."


def lines(table: Table) -> str:
    """`table` for a terminal or a pipe, ending in a newline."""
    if not table.rows:
        return f"{table.empty}\n"
    rows = [[printable(cell) or "-" for cell in row] for row in table.rows]
    if on_terminal():
        return _pretty(table.columns, rows)
    return _plain(table.columns, rows)


def _plain(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    everything = [[column.upper() for column in columns], *rows]
    widths = _widths(everything)
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        + "\n"
        for row in everything
    )


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _pretty(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    console = Console(file=sys.stdout)
    *others, last = _widths([columns, *rows])
    if sum(others) + _GAP * len(others) + min(last, _LAST_COLUMN) > console.width:
        return _plain(columns, rows)  # the terminal wraps whole lines, and nothing is cut off
    pretty = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        pretty.add_column(column, overflow="fold", no_wrap=column is not columns[-1])
    for row in rows:
        # Text and not str: markup in a job's name or error stays what it is.
        pretty.add_row(*map(Text, row))
    with console.capture() as captured:
        console.print(pretty)
    return captured.get()


def show(data: Mapping[str, Any], view: Callable[[], Iterable[str | Table]], *, json: bool) -> None:
    """Print `data` as one JSON object, or what `view` makes of it: sentences and tables."""
    if json:
        put(as_json(data))
        return
    put(
        "".join(
            lines(part) if isinstance(part, Table) else f"{printable(part)}\n" for part in view()
        )
    )
