"""The entry point of `maint` and of `python -m maintcli`."""

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    from maintcli.cli.app import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
