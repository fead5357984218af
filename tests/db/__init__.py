"""Tests of `maintcli.db`."""
