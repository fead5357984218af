"""Changing rows instead of deleting them."""
