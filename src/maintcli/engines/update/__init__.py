"""Updating rows instead of deleting them."""
