"""The operator commands, as strings: which file, which line in --help, under which heading."""

from maintcli.catalog import Entry

GROUPS = ("Watching", "Operating", "Setting up")

COMMANDS: dict[str, Entry] = {}
