"""manifest.json: whose rows these are, what their tables looked like, which files count."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from maintcli.errors import DamagedFile
from maintcli.work.archive.section import Kept

FORMAT = 1
NAME = "manifest.json"


class Manifest(NamedTuple):
    """`files` is None until the run has ended: before that only the ledger knows them."""

    run_id: str
    job: str
    database: str
    started_at: str
    tables: Sequence[Mapping[str, Any]]
    complete: bool = False
    files: Sequence[Kept] | None = None

    def as_bytes(self) -> bytes:
        """As it is stored."""
        rows: dict[str, int] = {}
        for file in self.files or ():
            for table, count in file.rows.items():
                rows[table] = rows.get(table, 0) + count
        files = None if self.files is None else [_file(kept) for kept in self.files]
        content = {"format": FORMAT, **self._asdict(), "rows": rows} | {"files": files}
        return json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n"


def key(run_id: str) -> str:
    """Where a run's manifest is."""
    return f"{run_id}/{NAME}"


def parse(name: str, data: bytes) -> Manifest:
    """Read it back. Raises DamagedFile."""
    try:
        content: dict[str, Any] = json.loads(data)
        if content["format"] != FORMAT:
            reason = f"it has format {content['format']}, and this maint reads {FORMAT}"
            raise DamagedFile(file=name, reason=reason)
        files = content["files"]
        return Manifest(
            run_id=content["run_id"],
            job=content["job"],
            database=content["database"],
            started_at=content["started_at"],
            tables=content["tables"],
            complete=content["complete"],
            files=None if files is None else [Kept(**file) for file in files],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedFile(file=name, reason=f"it cannot be read ({error})") from None


def _file(kept: Kept) -> dict[str, Any]:
    return {name: value for name, value in kept._asdict().items() if name != "location"}
