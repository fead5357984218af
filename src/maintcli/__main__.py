"""The entry point of `maint` and of `python -m maintcli`."""

import gc
import signal
import sys


def main() -> None:
    """Run the command line and exit with its code."""
    # What start-up allocates lives to the end: collecting it is a tenth of a short run's time.
    gc.disable()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing has begun: end without a traceback
    from maintcli.cli.app import run

    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
