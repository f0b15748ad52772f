"""One process at a time, also against copies of it; real forks."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mesh_core.storage.file_lock import FileLock
from mesh_core.testing import wait_for

HOLD = """
import os, signal, sys
from pathlib import Path
from mesh_core.storage.file_lock import FileLock
assert FileLock(Path(sys.argv[1])).take()
copy = os.forkpty()[0] if sys.argv[2] == "forkpty" else os.fork()
if copy == 0:
    signal.pause()
print(copy, flush=True)
signal.pause()
"""


@pytest.mark.parametrize("how", ["fork", "forkpty"])
async def test_a_copy_that_never_becomes_another_program_keeps_no_lock(tmp_path: Path, how: str) -> None:
    path = tmp_path / "lock"
    holder = subprocess.Popen(["nohup", sys.executable, "-c", HOLD, str(path), how], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    copy = int(await asyncio.to_thread(holder.stdout.readline))
    try:
        assert not FileLock(path).take()
        holder.kill()
        await asyncio.to_thread(holder.wait)
        await wait_for(lambda: FileLock(path).take(), 10, "the lock is free")
        os.kill(copy, 0)  # it lives on
    finally:
        os.kill(copy, signal.SIGKILL)
        holder.stdout.close()


def test_a_lock_that_is_released_is_free_and_can_be_taken_again(tmp_path: Path) -> None:
    one, other = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    for _ in range(3):
        assert one.take()
        one.note("it is mine\n")
        assert not other.take()
        assert one.path.read_text() == "it is mine\n"
        one.release()
        assert other.take()
        other.release()
    other.release()  # once more does no harm


def test_a_lock_never_follows_a_link_and_needs_its_folder(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        FileLock(tmp_path / "link").take()
    with pytest.raises(FileNotFoundError):
        FileLock(tmp_path / "nowhere" / "lock").take()


def test_nobody_else_in_the_house_locks_files() -> None:
    """A lock of another kind would be inherited by copies again."""
    house = Path(__file__).parents[3]
    found = {
        path.relative_to(house).as_posix()
        for folder in ("core/src", "services", "cli/src")
        for path in (house / folder).rglob("*.py")
        if "import fcntl" in path.read_text() and "node_modules" not in path.parts and "tests" not in path.parts
    }
    assert found == {"core/src/mesh_core/storage/file_lock.py"}
