"""The one way in which a command shows its data."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from maintcli.output.json import as_json
from maintcli.output.out import put
from maintcli.output.table import Table, lines
from maintcli.runtime.log import printable


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
