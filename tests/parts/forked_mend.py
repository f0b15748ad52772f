"""The `mend` command as a process of its own, without the time of its imports: the fork of one that has made them.

What a start itself does is asked of real ones (cli/tests).
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Of the commands that tests call most; another one is imported by its fork.
IMPORTED = ("app", *(f"commands.{name}" for name in ("decide", "edit", "preview", "request", "show", "undo")))
SECONDS = 300
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload([f"mend.{name}" for name in IMPORTED])


@dataclass(frozen=True)
class Ended:
    """`returncode` is negative for a signal, as everywhere."""

    returncode: int
    stdout: str
    stderr: str


def run_mend(environment: Mapping[str, str], *words: str) -> Ended:
    """With that environment and no other."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = _forks.Process(target=_mend, args=(dict(environment), words, out, err))
        process.start()
        process.join(SECONDS)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise AssertionError(f"mend {' '.join(words)} went on for {SECONDS} s: {err.read_text()}")
        return Ended(process.exitcode, out.read_text(), err.read_text())


def _mend(environment: dict[str, str], words: tuple[str, ...], out: Path, err: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), descriptor)
    sys.argv = ["mend", *words]
    # Here, because whoever asks for a fork need not import it.
    from mend.__main__ import main

    main()
