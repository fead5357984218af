"""The declaration held against what is written, deployed, and seen to run: pure functions."""
