"""The command in this process: no start-up to wait for, everything else as a user has it."""

import io
import os
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from maintcli.cli import app
from tests.parts.cli import KEPT, Result


@dataclass
class Inside:
    """Runs `maint` in `folder` with a clean environment plus `env`."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict[str, str])

    def __call__(self, *arguments: str, env: Mapping[str, str] | None = None) -> Result:
        """Run to the end."""
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        out, err, before = io.StringIO(), io.StringIO(), Path.cwd()
        os.chdir(self.folder)
        try:
            with (
                mock.patch.dict(os.environ, {**kept, **self.env, **(env or {})}, clear=True),
                redirect_stdout(out),
                redirect_stderr(err),
            ):
                code = app.run(arguments)
        finally:
            os.chdir(before)
        return Result(int(code), out.getvalue(), err.getvalue())
