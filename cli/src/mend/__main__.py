"""The `mend` command. Reads the environment (through app.py) and leaves with an exit status; never with a traceback."""

from __future__ import annotations

import os
import sys

from mend.output.terminal import replace_what_cannot_be_shown, unwritten


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
    except SystemExit as end:
        problem = unwritten()
        sys.exit(end.code or _told(problem))
    except OSError as error:  # of stdout itself: a help is written outside of every command
        sys.exit(_told(unwritten() or error))


def _told(problem: OSError | None) -> int:
    """FAILED where not all could be written; whoever closed the pipe has seen enough (`mend history | head`)."""
    from mend.errors import DONE, FAILED

    if problem is not None and not isinstance(problem, BrokenPipeError):
        print(f"mend: {problem.strerror}", file=sys.stderr)
    return DONE if problem is None else FAILED


if __name__ == "__main__":
    main()
