"""Schedules as pure functions: no disk, no database."""
