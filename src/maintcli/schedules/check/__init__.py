"""The declaration compared with files, with what is deployed, and with runs: pure functions."""
