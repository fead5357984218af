"""The built-in jobs: one file, one command."""
