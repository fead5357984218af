"""Connecting, naming and describing: everything maint knows about PostgreSQL itself."""
