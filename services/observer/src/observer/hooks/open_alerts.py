"""Which alerts are open, kept in Redis under the name that their sender gives each: a fingerprint, an id.

When an alert began, its labels and its host may be written anew by whoever sends it. So what is resolved ends
everything that is open under its key, at the place where that was announced.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from mesh_core.messaging.bus import Bus
from mesh_core.models.records import parse_time, sha256_of
from observer.hooks.alert import Alert

OPEN_SECONDS = 90 * 86_400  # a trouble may be open that long and still find its own recovery
OVER_SECONDS = 86_400  # how long we know that it is over, when that is said again
_OVER = "over"


@dataclass(frozen=True)
class OpenAlert:
    """One run of an alert: its name in the incident, when it was last heard firing (ms), and where."""

    episode: str
    heard_ms: int
    node: str = ""
    service: str | None = None


class OpenAlerts:
    """Every method may be repeated. Reading and keeping are two steps: whoever does both lets nobody in between."""

    def __init__(self, bus: Bus):
        self._bus = bus

    async def of(self, alert: Alert) -> tuple[OpenAlert, ...] | None:
        """What is open, oldest first; None if we know that it is over."""
        raw = await self._bus.call("GET", _key(alert))
        text = raw.decode("utf-8", "replace") if raw else "[]"
        return None if text == _OVER else _read(text)

    async def keep(self, alert: Alert, runs: Sequence[OpenAlert]) -> None:
        """These are open."""
        await self._bus.call("SET", _key(alert), json.dumps([asdict(one) for one in runs]), "EX", OPEN_SECONDS)

    async def close(self, alert: Alert) -> None:
        """None of it is open any more."""
        await self._bus.call("SET", _key(alert), _OVER, "EX", OVER_SECONDS)


def run_of(alert: Alert, known: Sequence[OpenAlert], now_ms: int) -> OpenAlert:
    """The run that a firing alert belongs to: one that is open, or a new one, named by its beginning if that is told.

    A beginning that lies before the alert was last heard is only told differently: by the other one of a pair, after a
    restart. One that lies behind it may be a new run whose end nobody told.
    """
    began = _ms(alert.episode)
    for one in known:
        if alert.episode in ("", one.episode) or (began is not None and began <= one.heard_ms):
            return replace(one, heard_ms=now_ms)
    return OpenAlert(alert.episode or str(now_ms), now_ms)


def _key(alert: Alert) -> str:
    named = sha256_of(f"{alert.source}/{alert.key}")[:32]
    return f"mesh:once:hook-open:{named}"


def _read(text: str) -> tuple[OpenAlert, ...]:
    try:
        return tuple(OpenAlert(**one) for one in json.loads(text))
    except (ValueError, TypeError):
        return (OpenAlert(text[:64], 0),)  # as it was kept before 0142: the bare name of the run


def _ms(episode: str) -> int | None:
    try:
        return int(parse_time(episode).timestamp() * 1000)
    except ValueError:
        return None
