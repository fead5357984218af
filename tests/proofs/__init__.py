"""The promises that docs/guarantees.md makes, each proven on a real PostgreSQL."""

import pytest

pytest.register_assert_rewrite(
    "tests.proofs.aftermath",
    "tests.proofs.arena",
    "tests.proofs.every_arena",
    "tests.proofs.watched",
)
