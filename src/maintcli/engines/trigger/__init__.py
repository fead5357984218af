"""Asking a backend to do its work, once."""
