"""Stripes of a table's blocks, which several processes divide without coordination.

The owner of a stripe depends on its number and its table alone, and so not on the moment at which a
process reads the table's size.
"""

from typing import overload

from psycopg import sql

from maintcli.runtime.shard import Shard

STRIPE_BLOCKS = 1024  # 8 MB: several batches, and a table of 100 MB still has enough stripes

_MINE = sql.SQL("""({condition}
) AND (ctid::text::point)[0]::bigint / {stripe} % {parts} = {part}""")


@overload
def share(shard: Shard, oid: int) -> Shard: ...
@overload
def share(shard: None, oid: int) -> None: ...
@overload
def share(shard: Shard | None, oid: int) -> Shard | None: ...
def share(shard: Shard | None, oid: int) -> Shard | None:
    """This part's share of the stripes of one relation: which of each N in a row it takes.

    Relations begin with different parts, so that small ones, all of one stripe, are shared out too.
    Their numbers often lie evenly apart: multiplied (Knuth, 6.4) they are spread.
    """
    if shard is None:
        return None
    spread = (oid * 2_654_435_761 % 2**32) >> 16
    return Shard((shard.part - spread) % shard.parts, shard.parts)


def after(block: int, blocks: int, shard: Shard | None) -> tuple[int, int]:
    """The first range of blocks to sweep from `block` on: its first, and the one behind its last.

    Empty where there is none below `blocks`. A range never goes beyond its stripe's end.
    """
    if shard is None:
        return block, blocks
    stripe = block // STRIPE_BLOCKS
    stripe += (shard.part - stripe) % shard.parts
    first = max(block, stripe * STRIPE_BLOCKS)
    return min(first, blocks), min((stripe + 1) * STRIPE_BLOCKS, blocks)


def within(shard: Shard | None, oid: int, condition: sql.Composable) -> sql.Composable:
    """`condition`, of rows of the relation `oid`, as it holds of those that are this part's.

    It is for counting what `share` gives to the walk: no index finds a row by its stripe.
    """
    mine = share(shard, oid)
    if mine is None:
        return condition
    return _MINE.format(condition=condition, stripe=STRIPE_BLOCKS, parts=mine.parts, part=mine.part)
