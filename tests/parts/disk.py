"""A real file system that is soon full: a tmpfs of the test's own. Needs root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from parts.require import missing


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """1 MiB: room for a runtime folder and a few proposals."""
    with _tmpfs(tmp_path / "small", "1m") as folder:
        yield folder


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """64 KiB: room for a handful of small files."""
    with _tmpfs(tmp_path / "tiny", "64k") as folder:
        yield folder


@contextmanager
def _tmpfs(folder: Path, size: str) -> Iterator[Path]:
    if os.geteuid() != 0:
        missing("root (to mount a small tmpfs)", "run the tests as root")
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        missing("the permission to mount a tmpfs", "run the tests where root may mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
