"""What a service of systemd needs: secrets as credentials, and further variables from a file."""

from typing import Final

from maintcli.schedules.entry import DATABASE_URL, Entry
from maintcli.schedules.targets.needed import key

_FILE: Final = "# Needs {folder}/{name}, which holds {what} and belongs to root (mode 600).\n"


def comments(entry: Entry, folder: str, env_file: str) -> str:
    """A line for each file that must be there, and one for variables that no credential can be."""
    lines = [
        _FILE.format(folder=folder, name=key(name), what=_what(name)) for name in entry.secrets
    ]
    if entry.variables:
        lines.append(f"# Needs in {env_file or 'its environment'}: {', '.join(entry.variables)}.\n")
    return "".join(lines)


def _what(variable: str) -> str:
    return "the database's URL" if variable == DATABASE_URL else variable


def settings(entry: Entry, folder: str, env_file: str) -> str:
    """The lines of its service."""
    names = [(name, key(name)) for name in entry.secrets]
    lines = [f"Environment={variable}=file:%d/{name}" for variable, name in names]
    lines += [f"EnvironmentFile=-{env_file}"] if env_file else []
    lines += [f"LoadCredential={name}:{folder}/{name}" for _, name in names]
    return "".join(f"{line}\n" for line in lines)
