"""The `mend` command as a process of its own, without the time of its imports: the fork of one that has made them.

What a start itself does is asked of real ones (cli/tests).
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from parts.forked import Forked

SECONDS = 300


def run_mend(environment: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """With that environment and no other. Raises subprocess.TimeoutExpired after SECONDS."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = Forked("mend", *words, environ=environment, log=err, stdout=out)
        try:
            ended = process.wait(SECONDS)
            return subprocess.CompletedProcess(("mend", *words), ended, out.read_text(), err.read_text())
        finally:
            process.kill()
