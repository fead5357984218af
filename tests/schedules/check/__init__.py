"""The check of schedules."""
