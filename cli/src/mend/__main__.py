"""The `mend` command. Reads the environment (through app.py) and leaves with an exit status; never with a traceback."""

from __future__ import annotations

import os
import sys

from mend.terminal import replace_what_cannot_be_shown


def main() -> None:
    """Run one command line and exit."""
    try:
        replace_what_cannot_be_shown()
        # Imported here: the imports take a third of a second, and Ctrl-C in that time is no reason for a traceback.
        from mend.app import app

        app(prog_name="mend")
    except KeyboardInterrupt:
        print("stopped.", file=sys.stderr)
        sys.stderr.flush()
        os._exit(130)


if __name__ == "__main__":
    main()
