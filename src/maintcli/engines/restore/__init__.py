"""Putting archived rows back."""
