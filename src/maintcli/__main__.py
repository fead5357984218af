"""The entry point of `maint` and of `python -m maintcli`."""

import gc
import sys


def main() -> None:
    """Run the command line and exit with its code."""
    # What start-up allocates lives to the end: collecting it is a tenth of a short run's time.
    gc.disable()
    from maintcli.cli.app import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
