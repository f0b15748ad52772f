"""How a service lives: named parts side by side, signals, a heartbeat while its loop really turns, a bound on stopping.

Nobody else installs a signal handler. A part that dies takes the service down with exit status 1, loudly; the
supervisor above restarts it.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import structlog

Part = Callable[[asyncio.Event], Awaitable[None]]

HEARTBEAT_SECONDS = 2.0
STOP_SECONDS = 10.0

log = structlog.get_logger()


def serve(
    name: str,
    runtime: Path,
    parts: Mapping[str, Part],
    *,
    stop_seconds: float = STOP_SECONDS,
    closing: Sequence[Callable[[], Awaitable[None]]] = (),
) -> None:
    """Run `parts` until SIGTERM/SIGINT or until one fails; never returns.

    Each part gets the stop event and is expected to return soon after it is set; after `stop_seconds` it is
    cancelled. Then `closing` gives connections back, in order. Exit status 0 after a signal, 1 when a part failed or
    ended by itself.
    """

    async def life() -> int:
        try:
            return await _serve(name, runtime, parts, stop_seconds)
        finally:
            for close in closing:
                await close()

    sys.exit(asyncio.run(life()))


async def pause(stop: asyncio.Event, seconds: float) -> bool:
    """Wait `seconds` or until stopping; True when it is time to stop."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return False
    return True


def heartbeat_file(runtime: Path, service: str) -> Path:
    return runtime / "state" / f"{service}.heartbeat"


async def _serve(name: str, runtime: Path, parts: Mapping[str, Part], stop_seconds: float) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    beat = asyncio.create_task(_beat(heartbeat_file(runtime, name)), name="heartbeat")
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
        task.cancel()
    beat.cancel()
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


async def _beat(path: Path) -> None:
    """Touch the file from the loop itself: a loop that hangs stops touching."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        path.touch()
        await asyncio.sleep(HEARTBEAT_SECONDS)
