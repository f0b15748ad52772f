"""The trouble: kill -9, SIGSTOP, Redis away, a full disk, clocks that jump, web pages that fail. Keeps a journal.

Deals it out at random by a seed, or as a script says.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from system.chaos.feed import Feeder
from system.chaos.processes import Process
from system.chaos.world import AGENT, PAGES, World

SPARE_BYTES = 4096
OFTEN = {"planner1": 3, "planner2": 3, "executor": 4, "observer": 2, "agent": 1, "redis": 2}
PAGE_SICK_SECONDS = 1.0  # a page stays sick at least so long after its agent has noticed


@dataclass
class Happened:
    what: str
    whom: str
    at: float
    until: float


@dataclass
class Seen:
    """A trouble that the real node agent has written down as open: it must reach the mesh, and its end as well."""

    node: str
    service: str
    incident: str


@dataclass
class Pace:
    """How rough it gets; seconds. `*_times` are spread over the feeding."""

    pause: tuple[float, float] = (0.8, 2.5)
    halt: tuple[float, float] = (1.0, 4.0)
    redis_away: tuple[float, float] = (4.0, 8.0)
    redis_away_times: int = 1
    disk_full: tuple[float, float] = (3.0, 5.0)
    disk_full_times: int = 1
    clock_times: int = 3
    calm: bool = False


@dataclass
class Trouble:
    """`turn` is called all the time from one loop. Ends with `over`, after which everything may run in peace."""

    world: World
    feeder: Feeder
    rng: random.Random
    pace: Pace
    seconds: float
    happened: list[Happened] = field(default_factory=list)
    seen: dict[str, Seen] = field(default_factory=dict)
    began: float = 0.0
    _next: float = 0.0
    _agenda: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    _watched: list[tuple[Callable[[], bool], Callable[[], None]]] = field(default_factory=list)
    _full_until: float = 0.0
    _page: str = ""
    _page_noticed: float = 0.0
    _page_next: float = 0.0

    def begin(self) -> None:
        self.began = time.monotonic()
        self._next = self.began + 2
        self._page_next = self.began + 1
        if self.pace.calm:
            return
        kinds = [
            (self.take_redis_away, self.pace.redis_away_times),
            (self.fill_disk, self.pace.disk_full_times if self.world.disk else 0),
            (self.turn_a_clock, self.pace.clock_times if self.world.clocks else 0),
        ]
        for step, times in kinds:
            for _ in range(times):
                self._agenda.append((self.began + self.rng.uniform(0.1, 0.85) * self.seconds, step))
        self._agenda.sort(key=lambda planned: planned[0])

    def at(self, seconds: float, step: Callable[[], None]) -> None:
        """For scripts: do this so long after the beginning."""
        self._agenda.append((self.began + seconds, step))
        self._agenda.sort(key=lambda planned: planned[0])

    def when(self, condition: Callable[[], bool], step: Callable[[], None]) -> None:
        """For scripts: do this once, as soon as that is so."""
        self._watched.append((condition, step))

    def turn(self) -> None:
        now = time.monotonic()
        for watched in list(self._watched):
            if watched[0]():
                self._watched.remove(watched)
                watched[1]()
        while self._agenda and self._agenda[0][0] <= now:
            self._agenda.pop(0)[1]()
        if not self.pace.calm and now >= self._next:
            self._next = now + self.rng.uniform(*self.pace.pause)
            self._strike()
        self._keep_full(now)
        self._look_after_pages(now)

    def over(self) -> None:
        """No more of it: clocks go right, the disk has room, pages are well. One that its agent has not noticed yet is
        so once it has."""
        self._agenda.clear()
        self._watched.clear()
        self._full_until = 0.0
        self._keep_full(time.monotonic())
        if self.unnoticed:
            self._look_after_pages(time.monotonic())
        else:
            self.world.outside.sick.clear()
        for process in self.world.everyone:
            process.go_on()
            process.away_until = 0.0
            if process.clock:
                process.jump(0)

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        return {
            "troubles": [asdict(one) for one in self.happened],
            "agent": [asdict(one) for one in self.seen.values()],
        }

    # ---- the kinds -----------------------------------------------------------------------------------------------

    def _strike(self) -> None:
        victims = [process for process in self.world.everyone if process.name in OFTEN]
        has_killed = any(one.what == "kill" for one in self.happened)
        if not has_killed:  # the first strike is a kill, however few there will be on a busy machine
            victims = [process for process in victims if process.alive]
        if not victims:
            return
        process = self.rng.choices(victims, weights=[OFTEN[victim.name] for victim in victims])[0]
        if has_killed and self.rng.random() < 0.2:
            self.halt(process, self.rng.uniform(*self.pace.halt))
        else:
            self.kill(process)

    def kill(self, process: Process, away_seconds: float = 0.0) -> None:
        if process.alive or away_seconds:  # who is dead already stays away so long, too
            self._note("away" if away_seconds else "kill", process.name, away_seconds)
        process.kill(away_seconds)
        if process is self.world.server:
            self.feeder.redis_died.set()

    def halt(self, process: Process, seconds: float) -> None:
        process.halt(seconds)
        self._note("stop", process.name, seconds)

    def take_redis_away(self) -> None:
        self.kill(self.world.server, self.rng.uniform(*self.pace.redis_away))

    def fill_disk(self) -> None:
        seconds = self.rng.uniform(*self.pace.disk_full)
        self._full_until = time.monotonic() + seconds
        self._note("full", "disk", seconds)

    def turn_a_clock(self) -> None:
        clocked = [process for process in self.world.services.values() if process.clock]
        process = self.rng.choice(clocked)
        seconds = self.rng.choice([-1, 1]) * self.rng.randint(30, 1800)
        process.jump(seconds)
        self._note("clock", process.name, 0)

    def _note(self, what: str, whom: str, seconds: float) -> None:
        now = time.time()
        self.happened.append(Happened(what, whom, now, now + seconds))

    def _keep_full(self, now: float) -> None:
        """As long as it should be full, whatever becomes free is taken."""
        ballast = self.world.root / "var" / "ballast"
        if now < self._full_until:
            room = os.statvfs(self.world.var)
            free = room.f_bavail * room.f_frsize
            if free > SPARE_BYTES:
                with ballast.open("ab") as handle:
                    try:
                        os.posix_fallocate(handle.fileno(), handle.tell(), free)
                    except OSError:
                        handle.truncate(handle.tell())
        elif ballast.exists():
            ballast.unlink()

    def _look_after_pages(self, now: float) -> None:
        """One page is sick at a time, until its agent has written that down; then it is well again for a while.

        Never one that its agent still holds for sick: it would not write that down a second time.
        """
        known = self._open_incidents()
        for row in known:
            if row["incident"] not in self.seen:
                self.seen[row["incident"]] = Seen(AGENT, str(row["service"]), str(row["incident"]))
                if row["service"] == self._page:
                    self._page_noticed = now
        if self._page and self._page_noticed and now - self._page_noticed > PAGE_SICK_SECONDS:
            self.world.outside.sick.discard(self._page)
            self._page, self._page_noticed, self._page_next = "", 0.0, now + 3.0
        elif not self._page and now >= self._page_next:
            held = {row["service"] for row in known}
            if not (well := [page for page in PAGES if page not in held]):
                return
            self._page = self.rng.choice(well)
            self.world.outside.sick.add(self._page)
            self._note("sick", self._page, 0)

    @property
    def to_come(self) -> bool:
        """Has what was planned not happened yet? On a busy machine one turn may last for seconds."""
        return bool(self._agenda)

    @property
    def unnoticed(self) -> bool:
        """Is a page sick of which its agent has not written yet that it is?"""
        return "agent" in self.world.services and bool(self._page) and not self._page_noticed

    def open_incidents(self) -> int:
        return len(self._open_incidents())

    def _open_incidents(self) -> list[dict[str, Any]]:
        try:
            found = json.loads((self.world.var / "spool" / AGENT / "open.json").read_bytes())["open"]
        except (OSError, ValueError, KeyError):
            return []
        return [row for row in found if row.get("incident")]
