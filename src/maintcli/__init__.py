"""One-shot maintenance jobs for PostgreSQL, started by any scheduler."""

__version__ = "0.1.0"
