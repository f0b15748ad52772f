"""A service's life, in real processes: signals, failing parts, parts that will not stop, the heartbeat."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mesh_core.runtime.heartbeats import heartbeat_file, what_is_stuck
from mesh_core.runtime.service import BEAT_SECONDS, HEARTBEAT_SECONDS, _name_in, awaited, pause, shared_end
from mesh_core.testing import wait_for, within

PARTS = """
import asyncio, contextlib, sys, threading, time
from pathlib import Path
from mesh_core.runtime.log import setup
from mesh_core.runtime.pulse import Pulse
from mesh_core.runtime.service import pause, serve
setup("shop")
runtime = Path(sys.argv[1])
def note(word):
    with (runtime / "notes").open("a") as notes: notes.write(word + "\\n")
async def good(stop):
    note("good began"); await stop.wait(); note("good ended")
async def failing(stop):
    await asyncio.sleep(0.2); raise RuntimeError("the part broke")
async def ending(stop):
    await asyncio.sleep(0.2)
async def stubborn(stop):
    try:
        while True: await asyncio.sleep(0.05)
    except asyncio.CancelledError:
        note("stubborn cancelled"); raise
async def losing(stop):
    while True:
        with contextlib.suppress(asyncio.CancelledError): await asyncio.sleep(60)
        note("a cancellation is lost")
        with contextlib.suppress(TimeoutError): await asyncio.wait_for(asyncio.sleep(60), 60)
async def failing_late(stop):
    await stop.wait(); raise RuntimeError("broke while stopping")
async def hanging(stop):
    await pause(stop, 0.5); note("hanging"); time.sleep(600)
pulse = Pulse()
async def standing_still(stop):
    turned = pulse.watch("slow", 3)
    while not (runtime / "go-on").exists(): await asyncio.sleep(0.05)
    while not stop.is_set(): turned(); await asyncio.sleep(0.05)
async def close():
    note("closed")
free = threading.Event()
async def waiting_long(stop):
    longs = [asyncio.to_thread(free.wait, 60) for _ in range(40)]
    short = asyncio.to_thread(note, "a file was touched")
    async with asyncio.TaskGroup() as calls:
        for call in (*longs, short): calls.create_task(call)
        await stop.wait(); free.set()
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    running: list[subprocess.Popen[str]] = []

    def begin(parts: str) -> subprocess.Popen[str]:
        more = "pulse=pulse, stop_seconds=1, closing=(close,), threads=40"
        code = f"{PARTS}\nserve('shop', runtime, {{{parts}}}, {more})"
        running.append(
            subprocess.Popen(
                [sys.executable, "-c", code, str(tmp_path)],
                stderr=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                text=True,
            )
        )
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def notes(folder: Path) -> list[str]:
    path = folder / "notes"
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_every_part_and_the_exit_is_0(
    start: Callable[[str], subprocess.Popen[str]], tmp_path: Path, number: signal.Signals
) -> None:
    process = start("'good': good")
    await wait_for(lambda: notes(tmp_path), 10, "the part")
    process.send_signal(number)
    assert await asyncio.to_thread(process.wait, 300) == 0
    assert notes(tmp_path) == ["good began", "good ended", "closed"]


async def test_calls_that_last_leave_a_thread_to_those_that_do_not(
    start: Callable[[str], subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = start("'waiting_long': waiting_long")
    await wait_for(lambda: notes(tmp_path) == ["a file was touched"], 30, "the short call")
    process.terminate()
    assert await asyncio.to_thread(process.wait, 300) == 0


@pytest.mark.parametrize(("part", "word"), [("failing", "the part broke"), ("ending", "service.part_ended")])
async def test_a_part_that_dies_takes_the_service_down_loudly(
    start: Callable[[str], subprocess.Popen[str]], tmp_path: Path, part: str, word: str
) -> None:
    process = start(f"'good': good, 'bad': {part}")
    _, said = await asyncio.to_thread(process.communicate, timeout=300)
    assert process.returncode == 1
    assert word in said
    assert '"bad"' in said
    assert notes(tmp_path) == ["good began", "good ended", "closed"]


async def test_a_part_that_will_not_stop_is_cancelled_after_the_bound(
    start: Callable[[str], subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = start("'good': good, 'stubborn': stubborn")
    await wait_for(lambda: notes(tmp_path), 10, "the parts")
    begun = time.monotonic()
    with within(30, "it ends although a part does not"):
        process.terminate()
        _, said = await asyncio.to_thread(process.communicate, timeout=300)
    assert time.monotonic() - begun > 0.9
    assert process.returncode == 0
    assert "service.part_cancelled" in said
    assert notes(tmp_path)[-2:] == ["stubborn cancelled", "closed"]


async def test_a_part_that_loses_a_cancellation_is_told_again(
    start: Callable[[str], subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = start("'good': good, 'losing': losing")
    await wait_for(lambda: notes(tmp_path), 10, "the parts")
    process.terminate()
    await asyncio.to_thread(process.communicate, timeout=300)
    assert process.returncode == 0
    assert notes(tmp_path)[-2:] == ["a cancellation is lost", "closed"]


async def test_a_failure_while_stopping_is_not_a_good_end(
    start: Callable[[str], subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = start("'good': good, 'late': failing_late")
    await wait_for(lambda: notes(tmp_path), 10, "the parts")
    process.terminate()
    _, said = await asyncio.to_thread(process.communicate, timeout=300)
    assert process.returncode == 1
    assert "broke while stopping" in said


async def test_the_heart_beats_while_the_loop_turns_and_stops_when_it_hangs(
    start: Callable[[str], subprocess.Popen[str]], tmp_path: Path
) -> None:
    beat = heartbeat_file(tmp_path, "shop")
    start("'hanging': hanging")
    await wait_for(beat.exists, 10, "a first beat")
    old = time.time() - 1000
    await wait_for(lambda: "hanging" in notes(tmp_path), 10, "the loop to hang")
    os.utime(beat, (old, old))
    with pytest.raises(AssertionError):
        await wait_for(lambda: beat.stat().st_mtime > old + 1, HEARTBEAT_SECONDS + 0.5, "a beat that must not come")


async def test_the_heart_beats_again_and_again(start: Callable[[str], subprocess.Popen[str]], tmp_path: Path) -> None:
    beat = heartbeat_file(tmp_path, "shop")
    start("'good': good")
    await wait_for(beat.exists, 10, "a first beat")
    old = time.time() - 1000
    os.utime(beat, (old, old))
    await wait_for(lambda: beat.stat().st_mtime > old + 1, 10, "the next beat")


async def test_a_service_that_is_stuck_says_what_and_keeps_the_time_of_its_last_progress(
    start: Callable[[str], subprocess.Popen[str]], tmp_path: Path
) -> None:
    """Another task of the same loop ticks all the while."""
    beat = heartbeat_file(tmp_path, "shop")
    start("'good': good, 'slow': standing_still")
    await wait_for(lambda: "slow has not got on" in what_is_stuck(beat), 15, "it is named")
    last, said = beat.stat().st_mtime, what_is_stuck(beat)
    await wait_for(lambda: what_is_stuck(beat) != said, 10, "it is said again")
    assert beat.stat().st_mtime == last
    (tmp_path / "go-on").touch()
    await wait_for(lambda: what_is_stuck(beat) == "" and beat.stat().st_mtime > last, 10, "it beats again")


def test_nobody_takes_what_stands_still_for_a_beat_while_it_is_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat, seen, set_time = tmp_path / "shop.heartbeat", list[tuple[str, int]](), os.utime
    beat.touch()
    os.utime(beat, ns=(5, 5))

    def looked_at(path: Path, **times: Any) -> None:
        seen.append((what_is_stuck(beat), beat.stat().st_mtime_ns))
        set_time(path, **times)

    monkeypatch.setattr(os, "utime", looked_at)
    for said in ("slow has not got on for 5 s", "slow has not got on for 10 s"):
        _name_in(beat, said)
        assert (what_is_stuck(beat), beat.stat().st_mtime_ns) == (said, 5)
    assert seen == [("", 5), ("slow has not got on for 5 s", 5)]


async def test_a_pause_ends_early_when_it_is_time_to_stop() -> None:
    stop = asyncio.Event()
    assert await pause(stop, 0.01) is False
    stop.set()
    with within(15, "a pause of which nothing is left"):
        assert await pause(stop, 30) is True


async def test_what_is_awaited_in_a_task_of_its_own_ends_although_it_loses_a_cancellation() -> None:
    lost = 0

    async def losing() -> None:
        nonlocal lost
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            lost += 1
        await asyncio.Event().wait()

    outer = asyncio.create_task(awaited(losing()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    outer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(outer, 60)
    assert lost == 1


async def test_what_is_awaited_in_a_task_of_its_own_gives_back_what_it_gives_and_raises_what_it_raises() -> None:
    async def seven() -> int:
        return 7

    async def broken() -> None:
        raise RuntimeError("a bug")

    assert await awaited(seven()) == 7
    with pytest.raises(RuntimeError, match="a bug"):
        await awaited(broken())


@pytest.mark.parametrize("seconds", [BEAT_SECONDS, 2.7, 5.0, 10.0, 60.0])
async def test_waits_of_those_who_only_look_around_end_together_and_never_late(seconds: float) -> None:
    now = asyncio.get_running_loop().time
    before, end = now(), shared_end(seconds)
    assert end % BEAT_SECONDS == 0
    assert before + seconds - BEAT_SECONDS <= end <= now() + seconds


async def test_short_waits_and_those_that_share_nothing_are_as_long_as_they_are() -> None:
    now = asyncio.get_running_loop().time
    before = now()
    assert before + 0.5 <= shared_end(0.5) <= now() + 0.5
    assert not await pause(asyncio.Event(), BEAT_SECONDS / 4)
    assert now() - before >= BEAT_SECONDS / 4
    assert not await pause(asyncio.Event(), BEAT_SECONDS, shared=True)
    stop = asyncio.Event()
    stop.set()
    assert await pause(stop, 3600, shared=True)
