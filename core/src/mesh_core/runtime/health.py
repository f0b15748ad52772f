"""What a service says of itself over HTTP: its metrics, whether its loop turns, whether it can work. Opens no port.

`/healthz` asks whether to restart it, `/readyz` whether to rely on it now, and says which part is not ready and why.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from mesh_core.runtime import metrics
from mesh_core.runtime.heartbeats import heartbeat_file, what_is_stuck
from mesh_core.runtime.metric_types import CONTENT_TYPE
from mesh_core.runtime.version import VERSION

LOOK_SECONDS = 2.0  # what one check or one figure may take
SAME_LOOK_SECONDS = 1.0  # whoever asks more often gets the same answer
STUCK_SECONDS = 300.0  # as healthcheck.sh
LEAST_FREE_BYTES = 1024 * 1024
_BEGAN = time.time()

log = structlog.get_logger()


@dataclass(frozen=True)
class Ready:
    """One part of a service: ready or not, and a sentence about it."""

    ready: bool
    detail: str = ""


@dataclass(frozen=True)
class Answer:
    status: int
    content_type: str
    body: bytes


Check = Callable[[], Awaitable[Ready]]
Figure = Callable[[], Awaitable[None]]  # sets gauges that are looked up only when somebody asks


class Probes:
    """One service's answers. `checks` by the name of the part; one that fails or hangs makes its part not ready."""

    def __init__(self, service: str, runtime: Path, *, checks: Mapping[str, Check], figures: Sequence[Figure] = ()):
        self.service = service
        self._heartbeat = heartbeat_file(runtime, service)
        self._checks = dict(checks)
        self._figures = tuple(figures)
        self._looked_at = float("-inf")
        self._parts: dict[str, Ready] = {}
        self._looking = asyncio.Lock()
        metrics.BUILD.set(1, VERSION)
        metrics.STARTED.set(round(_BEGAN, 3))

    async def answer(self, path: str) -> Answer | None:
        """None for a path that is none of the three."""
        match path:
            case "/metrics":
                return await self.metrics()
            case "/healthz":
                return self.healthz()
            case "/readyz":
                return await self.readyz()
        return None

    async def metrics(self) -> Answer:
        """Every metric that the register has for this service. What cannot be found out now keeps its last figure."""
        await self._look()
        for figure in self._figures:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await figure()
            except Exception as error:  # noqa: BLE001 - one figure that cannot be had must not take the others away
                log.warning("probes.no_figure", figure=getattr(figure, "__qualname__", ""), error=str(error)[:200])
        self._about_the_process()
        text = "".join(measure.text() for measure in metrics.metrics_of(self.service))
        return Answer(200, CONTENT_TYPE, text.encode("utf-8", "replace"))

    def healthz(self) -> Answer:
        """200 while its loops get on. This answer comes from the same loop: one that hangs gives none at all."""
        age = _age(self._heartbeat)
        stuck = what_is_stuck(self._heartbeat)
        well = age is not None and age < STUCK_SECONDS and not stuck
        fields = {"service": self.service, "status": "ok" if well else "stuck", "heartbeat_age_seconds": age}
        return _json(200 if well else 503, fields | ({"stuck": stuck} if stuck else {}))

    async def readyz(self) -> Answer:
        """200 if every part is ready, else 503."""
        parts = await self._look()
        ready = all(part.ready for part in parts.values())
        shown = {name: {"ready": part.ready, "detail": part.detail} for name, part in parts.items()}
        return _json(200 if ready else 503, {"service": self.service, "ready": ready, "parts": shown})

    async def _look(self) -> dict[str, Ready]:
        async with self._looking:
            if time.monotonic() - self._looked_at >= SAME_LOOK_SECONDS:
                found = await asyncio.gather(*(_checked(check) for check in self._checks.values()))
                self._parts = dict(zip(self._checks, found, strict=True))
                if stuck := what_is_stuck(self._heartbeat):
                    self._parts["progress"] = Ready(False, stuck)
                self._looked_at = time.monotonic()
                metrics.READY.set_all({(name,): float(part.ready) for name, part in self._parts.items()})
            return self._parts

    def _about_the_process(self) -> None:
        age = _age(self._heartbeat)
        metrics.HEARTBEAT_AGE.set(float("nan") if age is None else age)
        metrics.CPU.add(amount=max(0.0, round(time.process_time(), 3) - metrics.CPU.value()))
        try:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
        except (OSError, ValueError, IndexError):  # no Linux: no figure
            return
        metrics.MEMORY.set(pages * os.sysconf("SC_PAGESIZE"))


def writable(folders: Callable[[], Iterable[Path]]) -> Check:
    """Can these folders be written to, and is there room?"""

    def look() -> Ready:
        for folder in folders():
            if not folder.is_dir():
                return Ready(False, f"{folder} is not there")
            if not os.access(folder, os.W_OK | os.X_OK):
                return Ready(False, f"{folder} cannot be written to by uid {os.geteuid()}")
            if (free := _free_bytes(folder)) < LEAST_FREE_BYTES:
                return Ready(False, f"{folder} has only {free} bytes left")
        return Ready(True)

    async def check() -> Ready:
        return await asyncio.to_thread(look)

    return check


async def _checked(check: Check) -> Ready:
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            return await check()
    except TimeoutError:
        return Ready(False, f"no answer within {LOOK_SECONDS:g} s")
    except Exception as error:  # noqa: BLE001 - whatever a check meets, it is an answer to this question
        return Ready(False, f"{type(error).__name__}: {error}"[:300])


def _free_bytes(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def _age(path: Path) -> float | None:
    try:
        return round(max(0.0, time.time() - path.stat().st_mtime), 3)
    except OSError:
        return None


def _json(status: int, fields: Mapping[str, object]) -> Answer:
    return Answer(status, "application/json", json.dumps(fields).encode() + b"\n")
