"""An approved file is read once, and whatever lies there is never waited for nor followed."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from executor_agent.admission.candidate import read_candidate

# ---- the edge ----------------------------------------------------------------------------------------------------


def test_looking_reads_a_plain_file_once(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b"{}")
    seen = read_candidate(path)
    assert seen is not None
    assert (seen.file_name, seen.raw) == ("x.json", b"{}")
    assert read_candidate(tmp_path / "gone") is None


def test_looking_never_blocks_and_never_follows(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "folder").mkdir()
    (tmp_path / "one").write_bytes(b"{}")
    (tmp_path / "two").hardlink_to(tmp_path / "one")
    (tmp_path / "link").symlink_to("one")
    with (tmp_path / "sparse").open("wb") as handle:
        handle.truncate(10 * 1024**3)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        problems: dict[str, str] = {}

        def look() -> None:
            for path in sorted(tmp_path.iterdir()):
                seen = read_candidate(path)
                assert seen is not None
                assert seen.raw is None, path
                problems[path.name] = seen.problem

        worker = threading.Thread(target=look, daemon=True)
        worker.start()
        worker.join(60)
        assert not worker.is_alive()
    assert len(problems) == 9
    assert all("; " in trouble for trouble in problems.values()), problems


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a device")
def test_a_device_is_not_opened(tmp_path: Path) -> None:
    os.mknod(tmp_path / "device", 0o600 | 0o020000, os.makedev(1, 5))
    seen = read_candidate(tmp_path / "device")
    assert seen is not None
    assert seen.raw is None
