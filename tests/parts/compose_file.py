"""A compose file as the real plugin reads it; needs no engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from parts.require import missing


def compose(file: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`docker compose` with nothing of this machine's environment and no `.env`."""
    plugin = Path(sys.prefix, "bin", "docker-compose")
    if not plugin.exists():
        missing("docker compose as a command", "make env on Linux x86_64")
    clean = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment}
    return subprocess.run(
        [str(plugin), "--env-file", os.devnull, "-f", str(file), *words],
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )


def composed(file: Path, *words: str, **environment: str) -> dict[str, Any]:
    """The whole configuration, `words` before `config`; AssertionError with the plugin's words."""
    done = compose(file, *words, "config", "--format", "json", **environment)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
