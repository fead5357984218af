"""Partitions of which every row is stale: dropped as a whole."""
