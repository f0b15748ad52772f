"""Who speaks to the mesh: twelve node agents' streams, and a hand at redis-cli. Keeps a journal of all that was said.

A node's events go as its agent sends them: own stream, explicit ids, in order, repeated until Redis has them, and sent
again to a Redis that does not know them any more. What a hand publishes is said once and never repeated.
"""

from __future__ import annotations

import collections
import json
import random
import threading
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import redis

NODES = [f"node{n:02d}" for n in range(12)]
RETRY_SECONDS = 0.05
TWINS = 3


@dataclass
class Sent:
    """One entry for a node's stream. `kind` says what should become of it (leftovers.py has the list)."""

    kind: str
    node: str
    service: str | None
    id: str = ""
    raw: str = ""
    acked: bool = False


@dataclass
class Spoken:
    """One message that was published by hand. `heard`: how many listened; None when the reply was lost."""

    kind: str
    raw: str
    marker: str
    at: float
    heard: int | None = None


@dataclass
class Journal:
    """What was said, before it was said; the judge's own memory."""

    sent: list[Sent] = field(default_factory=list)
    spoken: list[Spoken] = field(default_factory=list)

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        return {"sent": [asdict(one) for one in self.sent], "spoken": [asdict(one) for one in self.spoken]}


def plan_for(events: int, rng: random.Random, *, ansible: bool = True) -> list[Sent]:
    """`events` entries in the order in which they will be sent; most stand alone in their pair. Some pairs come early
    and again at the very end: by then only the cooldown says that they were proposed."""
    plan: list[tuple[float, Sent]] = []
    for number in range(0, 2 * TWINS, 2):
        plan += [(moment, Sent("trouble", NODES[0], f"svc{number:05d}")) for moment in (0.01, 0.98)]
    number = 2 * TWINS
    at_least_one = list(_WEIGHTS)
    while len(plan) < events:
        node, number = rng.choice(NODES), number + 1
        kind = at_least_one.pop() if at_least_one else rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
        if ansible and number % 7 == 0:  # by luck 14 of 300 small plans had less than 12 % of restarts
            kind = "restart"
        service = None if kind == "node" else f"{_PREFIX.get(kind, 'svc')}{number:05d}"
        times = 1 if kind in ("garbage", "benign", "test") or rng.random() < 0.75 else rng.randint(2, 4)
        first = rng.random() * (0.6 if kind == "restart" else 0.95)  # a restart takes longest to be proven
        moments = sorted([first, *(rng.uniform(first, 0.97) for _ in range(times - 1))])
        plan += [(moment, Sent(kind, node, service)) for moment in moments]
        if kind == "heals":
            plan.append((rng.uniform(moments[-1], 1.0) + 1e-6, Sent("recovery", node, service)))
    return [sent for _, sent in sorted(plan, key=lambda pair: pair[0])]


_WEIGHTS = {
    **{"trouble": 58, "heals": 7, "quiet": 5},
    **{"test": 4, "node": 4, "benign": 4, "garbage": 6},
}
_PREFIX = {"heals": "heal", "quiet": "quiet", "restart": "prog"}


class Feeder(threading.Thread):
    """Sends the plan within `seconds`, and one hand-published message for each `hand_every` entries."""

    def __init__(self, url: str, plan: list[Sent], rng: random.Random, seconds: float, hand_every: int):
        super().__init__(daemon=True)
        self.url, self.plan, self.rng, self.seconds, self.hand_every = url, plan, rng, seconds, hand_every
        self.journal = Journal()
        self.last: dict[str, int] = {}
        self.of_node: dict[str, list[Sent]] = collections.defaultdict(list)
        self.redis_died = threading.Event()
        self.halt = threading.Event()

    def run(self) -> None:
        client = redis.Redis.from_url(self.url, retry=None, socket_timeout=5)
        pace, started = self.seconds / max(1, len(self.plan)), time.monotonic()
        for number, sent in enumerate(self.plan):
            ahead = started + number * pace - time.monotonic()
            if ahead > 0 and self.halt.wait(ahead):
                return
            self.write(client, sent)
            if number % self.hand_every == self.hand_every - 1:
                self.speak(client, number)

    def write(self, client: Any, sent: Sent) -> None:
        ms = max(self.last.get(sent.node, 0) + 1, int(time.time() * 1000))
        self.last[sent.node] = ms
        sent.id = f"{sent.node}/{ms}-0"
        sent.raw = _garbage(sent, self.rng) if sent.kind == "garbage" else json.dumps(_event(sent, ms))
        self.journal.sent.append(sent)
        self.of_node[sent.node].append(sent)
        while not self.halt.is_set():
            try:
                self.send_lost(client)
                if not sent.acked:  # send_lost may just have sent it
                    _append(client, sent)
                if sent.kind != "garbage":
                    client.execute_command("PUBLISH", "health_events", sent.raw)
                return
            except redis.RedisError:
                time.sleep(RETRY_SECONDS)

    def speak(self, client: Any, number: int) -> None:
        """By hand: once, whether anybody listens or not."""
        marker = f"hand{number:05d}"
        event = {"type": "disk_space_low", "node": self.rng.choice(NODES), "service": marker, "severity": "error"}
        raw = json.dumps(event) if self.rng.random() < 0.8 else f'{{"type": "{marker}", no JSON'
        spoken = Spoken("event" if "service" in raw else "garbage", raw, marker, time.time())
        self.journal.spoken.append(spoken)
        try:
            spoken.heard = int(client.execute_command("PUBLISH", "health_events", raw))
        except redis.RedisError:
            time.sleep(RETRY_SECONDS)

    def send_lost(self, client: Any) -> None:
        """After a death of Redis: what is above its newest id, in order. Raises RedisError; then repeat it."""
        if not self.redis_died.is_set():
            return
        self.redis_died.clear()  # before looking: a death meanwhile sets it again
        try:
            for node, all_sent in self.of_node.items():
                newest = 0
                if client.execute_command("EXISTS", f"mesh:ev:{node}"):
                    newest = int(client.xinfo_stream(f"mesh:ev:{node}")["last-generated-id"].partition(b"-")[0])
                for sent in all_sent:
                    if _ms(sent) > newest:
                        _append(client, sent)
        except redis.RedisError:
            self.redis_died.set()
            raise


def _append(client: Any, sent: Sent) -> None:
    try:
        client.execute_command("XADD", f"mesh:ev:{sent.node}", f"{_ms(sent)}-0", "p", sent.raw)
    except redis.ResponseError as error:
        if "equal or smaller" not in str(error):
            raise
    sent.acked = True


def _ms(sent: Sent) -> int:
    return int(sent.id.rpartition("/")[2].partition("-")[0])


def _event(sent: Sent, ms: int) -> dict[str, Any]:
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "restart": ("program_exited", {"runtime": "supervisor", "state": "EXITED", "exit_code": 1}),
        "recovery": ("service_recovered", {}),
        "test": ("test_ping", {}),
        "benign": ("deployment_started", {}),
    }
    type_, payload = kinds.get(sent.kind, ("disk_space_low", {"free_percent": 3}))
    event: dict[str, Any] = {
        "id": f"{sent.node}/{ms}-0",
        "type": type_,
        "node": sent.node,
        "severity": "info" if sent.kind in ("recovery", "benign") else "error",
        "payload": payload,
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    if sent.service:
        event["service"] = sent.service
        # Every second fault is one incident for its node agent, the others only have the cooldown to be told by.
        if int(sent.service[-5:]) % 2 and sent.kind not in ("test", "benign"):
            event["incident"] = f"{sent.node}/{sent.service}/1"
    return event


def _garbage(sent: Sent, rng: random.Random) -> str:
    return rng.choice(
        [
            f'{{"type": "disk_space_low", "node": "{sent.node}", "serv',
            '{"type": "disk_space_low", "node": "somebody-else"}',
            '{"type": "NO TYPE", "node": "x"}',
            '["disk_space_low"]',
            f'{{"type": "x", "node": "{sent.node}", "payload": NaN}}',
        ]
    )
