"""The `mend` command as a process of its own, without the time of its imports: the fork of one that has made them.

What a start itself does is asked of real ones (cli/tests).
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from parts.forked import run_forked


def run_mend(environment: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """With that environment and no other."""
    return run_forked("mend", *words, environ=environment)
