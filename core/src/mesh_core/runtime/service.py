"""How a service lives: named parts side by side, signals, a heartbeat while its loops get on, a bound on stopping.

Nobody else installs a signal handler. A part that dies takes the service down with exit status 1, loudly; the
supervisor above restarts it.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import structlog

from mesh_core.runtime.heartbeats import heartbeat_file
from mesh_core.runtime.pulse import TICK_SECONDS, Pulse

T = TypeVar("T")
Part = Callable[[asyncio.Event], Awaitable[None]]
Closing = Callable[[], Awaitable[None]]
Parts = Mapping[str, Part]
PartsLater = Callable[[asyncio.Event], AbstractAsyncContextManager[Parts]]

HEARTBEAT_SECONDS = TICK_SECONDS
BEAT_SECONDS = TICK_SECONDS  # what shared waits end on
FIRST_BEAT_SECONDS = 0.1
STOP_SECONDS = 10.0
SHORT_CALLS = 6  # threads; asyncio's own number goes by the processors: 6 of two, 5 of one

log = structlog.get_logger()


def serve(
    name: str,
    runtime: Path,
    parts: Parts | PartsLater,
    *,
    pulse: Pulse | None = None,
    stop_seconds: float = STOP_SECONDS,
    closing: Sequence[Closing] = (),
    threads: int = 0,
) -> None:
    """Run `parts` until SIGTERM/SIGINT or until one fails; never returns.

    Each part gets the stop event and is expected to return soon after it is set; after `stop_seconds` it is
    cancelled. Then `closing` gives connections back, in order. Exit status 0 after a signal, 1 when a part failed or
    ended by itself.

    `parts` may also be a context that has to be entered first, given the stop event; it yields none of them when it
    was told to stop while it waited.

    `threads`: how many calls of `asyncio.to_thread` may last for minutes at the same time. Those that only touch a file
    find one beside them.
    """

    async def life() -> int:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(threads + SHORT_CALLS, name))
        try:
            return await _serve(name, runtime, parts, pulse or Pulse(), stop_seconds)
        finally:
            for close in closing:
                await close()

    sys.exit(asyncio.run(life()))


async def pause(stop: asyncio.Event, seconds: float, *, shared: bool = False) -> bool:
    """Wait `seconds` or until stopping; True when it is time to stop.

    `shared`: for a loop that only looks around; it may be sooner, together with others (`shared_end`).
    """
    try:
        async with asyncio.timeout_at(shared_end(seconds) if shared else _now() + seconds):
            await stop.wait()
    except TimeoutError:
        return False
    return True


async def woken(stop: asyncio.Event, wake: asyncio.Event, seconds: float | None = None) -> bool:
    """Wait until `wake` is set, `seconds` (if any) are over, or until stopping; True when it is time to stop."""
    waits = [asyncio.ensure_future(event.wait()) for event in (stop, wake)]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return stop.is_set()


def shared_end(seconds: float) -> float:
    """When a wait that begins now and lasts `seconds` at most is over, by the loop's clock: on one of its beats.

    Every wake-up costs as much as what is then done. So the loops of a service that have nothing to do but look around
    are woken together. Waits of less than a beat are as long as they are.
    """
    end = _now() + seconds
    return end if seconds < BEAT_SECONDS else end // BEAT_SECONDS * BEAT_SECONDS


def _now() -> float:
    return asyncio.get_running_loop().time()


async def cancelled(*tasks: asyncio.Task[Any]) -> None:
    """Return when these have ended. Told more than once: a cancellation is lost now and then, and for good.

    `asyncio.wait_for` of Python 3.11 drops one that comes as what it waits for is done; redis-py writes through it. The
    pauses grow, so that whoever gives things back first has the time for it.
    """
    seconds = 0.1
    while late := [task for task in tasks if not task.done()]:
        for task in late:
            task.cancel()
        await asyncio.wait(late, timeout=seconds)
        seconds = min(2 * seconds, 2.0)


async def until_stopped(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """`work`, cut short when it is time to stop. Raises what it raises."""
    task, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        await cancelled(task)
    if not task.cancelled():
        task.result()


async def awaited(work: Coroutine[Any, Any, T]) -> T:
    """As `await work`, in a task of its own: whoever cancels us ends it, even where it loses a cancellation.

    For `asyncio.run`, which passes Ctrl-C on as one cancellation.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task})
    finally:
        await cancelled(task)
    return task.result()


async def _serve(name: str, runtime: Path, parts: Parts | PartsLater, pulse: Pulse, stop_seconds: float) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    beat = asyncio.create_task(_beat(heartbeat_file(runtime, name), pulse), name="heartbeat")
    async with nullcontext(parts) if isinstance(parts, Mapping) else parts(stop) as begun:
        if begun:
            return await _side_by_side(begun, beat, stop, stop_seconds)
    log.info("service.stopped", asked=stop.is_set())
    return 0


async def _side_by_side(parts: Parts, beat: asyncio.Task[None], stop: asyncio.Event, stop_seconds: float) -> int:
    tasks = {asyncio.create_task(_run(part, stop), name=part_name) for part_name, part in parts.items()}
    stopper = asyncio.create_task(stop.wait(), name="stop")
    log.info("service.started", parts=sorted(parts))
    done, _ = await asyncio.wait({*tasks, beat, stopper}, return_when=asyncio.FIRST_COMPLETED)
    asked = stop.is_set()
    stop.set()
    failed = [task for task in (*tasks, beat) if task in done]
    for task in failed:
        _report(task, asked=asked)
    _, late = await asyncio.wait(tasks, timeout=stop_seconds)
    for task in late:
        log.warning("service.part_cancelled", part=task.get_name(), after_seconds=stop_seconds)
    await cancelled(*late, beat)
    results = await asyncio.gather(*tasks, beat, stopper, return_exceptions=True)
    broken = [r for r in results if isinstance(r, Exception)]
    for error in broken:
        if not any(task.done() and not task.cancelled() and task.exception() is error for task in failed):
            log.error("service.part_failed_while_stopping", error=repr(error))
    log.info("service.stopped", asked=asked)
    return 0 if asked and not broken else 1


async def _run(part: Part, stop: asyncio.Event) -> None:
    await part(stop)


def _report(task: asyncio.Task[None], *, asked: bool) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.error("service.part_failed", part=task.get_name(), exc_info=error)
    elif not asked:
        log.error("service.part_ended", part=task.get_name())


async def _beat(path: Path, pulse: Pulse) -> None:
    """Touch the file while every loop gets on. A loop that hangs stops it; what stands still is named in the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    before = ""
    while True:
        stuck = pulse.tick()
        if stuck:
            _name_in(path, stuck)
        elif not pulse.standing_by:
            _touch(path)
        if bool(stuck) != bool(before):
            (log.error if stuck else log.warning)("service.stuck" if stuck else "service.goes_on", what=stuck or before)
        before = stuck
        await _until_next_beat(pulse)


async def _until_next_beat(pulse: Pulse) -> None:
    """Sooner when what stood by begins to work: whoever waits for its first beat waits no longer than it takes."""
    end = shared_end(HEARTBEAT_SECONDS)
    while pulse.standing_by and _now() < end:
        await asyncio.sleep(FIRST_BEAT_SECONDS)
        if not pulse.standing_by:
            return
    await asyncio.sleep(max(0.0, end - _now()))


def _touch(path: Path) -> None:
    with path.open("ab") as handle:
        if handle.tell():
            handle.truncate(0)
    os.utime(path)


def _name_in(path: Path, stuck: str) -> None:
    """Its time stays that of the last progress, at each moment: whoever looks meanwhile must not take it for a beat."""
    try:
        last = path.stat().st_mtime_ns
    except FileNotFoundError:
        last = 0
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    with beside.open("x") as handle:  # others write in this folder, too: never through a name that is there
        handle.write(stuck)
    os.utime(beside, ns=(last, last))
    beside.replace(path)
