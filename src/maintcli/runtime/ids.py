"""Run ids: UUIDs of version 7, so that the ledger's order is the order of time (RFC 9562)."""

import os
import time


def new_run_id() -> str:
    """A new run id, in the usual 36 characters."""
    head = f"{time.time_ns() // 1_000_000:012x}"
    tail = bytearray(os.urandom(10))
    tail[0] = 0x70 | tail[0] & 0x0F
    tail[2] = 0x80 | tail[2] & 0x3F
    text = head + tail.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
