"""Stripes: whose block it is."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maintcli.engines.base.stripes import STRIPE_BLOCKS, after, share
from maintcli.runtime.shard import Shard


def walked(blocks: int, shard: Shard | None, bite: int) -> list[tuple[int, int]]:
    """The ranges that a walk in bites of so many blocks goes through."""
    found: list[tuple[int, int]] = []
    at, until = after(0, blocks, shard)
    while at < blocks:
        found.append((at, min(at + bite, until)))
        at, until = after(found[-1][1], blocks, shard)
    return found


@given(
    blocks=st.integers(0, 20 * STRIPE_BLOCKS),
    parts=st.integers(1, 9),
    bite=st.integers(100, 3 * STRIPE_BLOCKS),
    oid=st.integers(1, 2**32 - 1),
)
def test_every_block_is_one_parts(blocks: int, parts: int, bite: int, oid: int) -> None:
    """No gap and no overlap, whatever the size, and no range that crosses a stripe's end."""
    seen: Counter[int] = Counter()
    for part in range(parts):
        for first, end in walked(blocks, share(Shard(part, parts), oid), bite):
            assert first // STRIPE_BLOCKS == (end - 1) // STRIPE_BLOCKS
            seen.update(range(first, end))
    assert seen == Counter(range(blocks))


@given(parts=st.integers(2, 9), part=st.integers(0, 8), oid=st.integers(1, 2**32 - 1))
def test_a_part_keeps_its_blocks_as_the_table_grows(parts: int, part: int, oid: int) -> None:
    """So that processes which look at different moments share out the same."""
    mine = share(Shard(part % parts, parts), oid)
    small, large = (
        {
            block
            for first, end in walked(stripes * STRIPE_BLOCKS, mine, 512)
            for block in (first, end)
        }
        for stripes in (7, 31)
    )
    assert small == {block for block in large if block <= max(small, default=0)}


def test_a_run_that_is_a_whole_has_all_in_one_range() -> None:
    """Nothing is different for it."""
    assert share(None, 7) is None
    assert after(0, 5_000, None) == (0, 5_000)
    assert after(5_000, 5_000, None) == (5_000, 5_000)


@pytest.mark.parametrize("step", [1, 2, 3, 4, 6, 8])
@pytest.mark.parametrize("parts", [2, 3, 4, 8])
def test_relations_begin_with_different_parts(step: int, parts: int) -> None:
    """Partitions of one stripe each are spread, however far apart their numbers are."""
    numbers = range(16_384, 16_384 + 64 * step, step)
    first = Counter(
        part for oid in numbers for part in range(parts) if share(Shard(part, parts), oid).has(0)
    )
    assert sum(first.values()) == 64
    assert min(first[part] for part in range(parts)) >= 64 // parts // 4
