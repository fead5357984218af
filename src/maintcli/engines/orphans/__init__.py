"""Removing rows whose parent is gone, after two looks and a word with the parent's table."""
