"""A compose file as the real plugin reads it; needs no engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
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
    found: dict[str, Any] = json.loads(_configuration(file, words, tuple(environment.items())))
    return found


@cache
def _configuration(file: Path, words: tuple[str, ...], environment: tuple[tuple[str, str], ...]) -> str:
    """Asked once: the repository's files stay as they are, and the plugin takes 0.1 s of processor to start."""
    done = compose(file, *words, "config", "--format", "json", **dict(environment))
    assert done.returncode == 0, done.stderr
    return done.stdout
