"""Deleting the rows that a condition calls stale."""
