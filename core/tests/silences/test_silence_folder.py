"""What lies in the folder that is no silence, what reading it again costs, and who may end whose in a deployment."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from silence_rig import NOW, request, silence
from structlog.testing import capture_logs

from mesh_core.silences import commands as silencing
from mesh_core.silences.folder import MAX_BYTES, SilenceFolder
from mesh_core.silences.silence import SilenceKind


def _hostile(folder: SilenceFolder, name: str) -> None:
    path = folder.root / f"{name}.json"
    good = silence(id=name).wire()
    match name[-1]:
        case "0":
            path.write_bytes(b"{" + good)
        case "1":
            path.symlink_to("/dev/zero")
        case "2":
            os.mkfifo(path)
        case "3":
            with path.open("wb") as handle:
                handle.truncate(10 * 1024**3)
        case "4":
            path.mkdir()
        case "5":
            path.write_bytes(silence(id="maintenance-99999999").wire())
        case "6":
            path.write_bytes(good.replace(b'"node"', b'"node": "a", "node"'))
        case "7":
            path.write_bytes(good + b" " * MAX_BYTES)
        case "8":
            path.write_bytes(b"[" * 20000)
        case "9":
            outside = folder.root.parent / "outside.json"
            outside.write_bytes(good)
            path.symlink_to(outside)


def test_rubbish_in_the_folder_is_left_alone_and_said_once(folder: SilenceFolder) -> None:
    made = silencing.maintain(folder, request(), NOW).silence
    for number in range(10):
        _hostile(folder, f"maintenance-0000000{number}")
    with capture_logs() as logs:
        for _ in range(3):
            assert folder.current() == (made,)
        (folder.root / "maintenance-00000000.json").touch()
        assert folder.current() == (made,)
    said = [log["file"][-6:] for log in logs if log["event"] == "silences.ignored"]
    assert sorted(said) == sorted([f"{n}.json" for n in range(10)] + ["0.json"])  # once, and once as it is now


def test_reading_again_costs_little_when_nothing_changed(folder: SilenceFolder) -> None:
    for _ in range(200):
        folder.put(silencing.new_silence(SilenceKind.MAINTENANCE, request(), NOW))
    assert len(folder.current()) == 200
    begin = time.process_time()
    for _ in range(20):
        folder.current()
    assert (time.process_time() - begin) / 20 < 0.2


def test_what_was_ended_long_ago_is_forgotten(folder: SilenceFolder) -> None:
    made = silencing.maintain(folder, request(), NOW).silence
    silencing.unsilence(folder, made.id, "ann")
    assert folder.forget(time.time() - 3600) == 0
    assert folder.forget(time.time() + 3600) == 2  # the file and its reason
    assert folder.ended() == ()


PLANNER, OPERATOR, OPERATORS = 61001, 61002, 61100


def _as(uid: int, gid: int, do: Callable[[], object]) -> str:
    """What that user gets, in a process of its own: nothing but a fork can be sure to find this very Python."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
            os.umask(0o077)  # of a careful person
            os.write(writing, str(do()).encode())
        except BaseException as error:  # noqa: BLE001 - it must not go on as a second pytest
            os.write(writing, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return said


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to be other users")
def test_planner_and_operators_end_each_others_silences_in_a_deployed_folder_and_strangers_see_none() -> None:
    with tempfile.TemporaryDirectory() as place:
        runtime = Path(place)
        runtime.chmod(0o755)
        folder = SilenceFolder(runtime)
        folder.root.mkdir()
        os.chown(folder.root, PLANNER, OPERATORS)
        folder.root.chmod(0o2770)
        now = datetime.now(UTC)

        def make(node: str) -> str:
            return silencing.maintain(folder, request(node=node, ends=now + timedelta(hours=1)), now).silence.id

        assert _as(PLANNER, PLANNER, folder.prepare) == "None"
        first, second = (_as(OPERATOR, OPERATORS, partial(make, node)) for node in ("web01", "web02"))
        assert _as(PLANNER, PLANNER, lambda: folder.end(first, "well again")) == "True"
        assert _as(PLANNER, PLANNER, lambda: [s.id for s in folder.current()]) == f"['{second}']"
        assert _as(OPERATOR, OPERATORS, lambda: folder.end(second, "done")) == "True"
        assert _as(OPERATOR, OPERATORS, lambda: folder.end_reason(first)) == "well again"
        assert _as(61003, 61003, lambda: (folder.current(), folder.ended())) == "((), ())"
