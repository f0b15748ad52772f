"""An observer as a process on real Redis and real folders, full of things to look at. Drives no browser."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import redis
from parts.forked import Forked
from sign_in_rig import SignedIn, sign_in

from mesh_core.approvals.proposal_files import ActionName
from mesh_core.messaging.held import HeldTrouble
from mesh_core.models.attempts import ModelAttempt
from mesh_core.models.events import HealthEvent, Severity, Trust
from mesh_core.models.outcomes import Outcome, Stage
from mesh_core.models.proposals import (
    ActionUpdate,
    Evidence,
    Folder,
    ModelRef,
    Proposal,
    Risk,
    proposal_id,
)
from mesh_core.models.records import rfc3339
from mesh_core.runtime.executor_notes import note_targets
from mesh_core.testing import AllFolders, RedisServer, free_port, leave_heartbeat, until
from observer.world import HealthState, TargetHealth, World

STARTS_WITHIN_SECONDS = 30
LOG = (
    "PLAY [Restart it] ***\nTASK [Restart it] ***\nchanged: [web01]\nPLAY RECAP ***\nweb01 : ok=1 changed=1 failed=0\n"
)


def ago(**span: float) -> str:
    return rfc3339(datetime.now(UTC) - timedelta(**span))


@dataclass
class Mesh:
    """What the page is a window to. `stop` in the end."""

    redis: RedisServer
    runtime: Path
    port: int = field(default_factory=free_port)
    environment: dict[str, str] = field(default_factory=dict)
    filed: int = 0
    processes: list[Forked] = field(default_factory=list)
    _signed_in: SignedIn | None = None

    def __post_init__(self) -> None:
        self.actions.prepare()
        (self.runtime / "config").mkdir(parents=True, exist_ok=True)

    @property
    def actions(self) -> AllFolders:
        return AllFolders(self.runtime)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, service: str = "observer", **more: str) -> Forked:
        """One service; of an observer, until it answers."""
        environment = {
            **os.environ,
            "REDIS_URL": self.redis.url,
            "RUNTIME_PATH": str(self.runtime),
            "NODE_NAME": "here",
            "OBSERVER_LISTEN": f"127.0.0.1:{self.port}",
            "METRICS_LISTEN": "off",
            **self.environment,
            **more,
        }
        process = Forked(service, environ=environment, log=self.runtime / f"{service}.log")
        self.processes.append(process)
        if service == "observer":
            until(self._answers, STARTS_WITHIN_SECONDS, f"the observer at {self.url}")
            until(self._listens, STARTS_WITHIN_SECONDS, "its bridge and its live stream")
        return process

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(300)
            process.kill()
            process.wait()
        self.processes.clear()

    @property
    def signed_in(self) -> SignedIn:
        """One session for everybody who looks: more than twenty of one person end the oldest."""
        self._signed_in = self._signed_in or sign_in(self.url, self.runtime)
        return self._signed_in

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """GET, or POST with a body, as whoever signed in."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **self.signed_in.headers}
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", data, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def make_sound(self, *nodes: str) -> None:
        """As with an executor that works, has somebody to tell and may touch these nodes: nothing against a yes."""
        hosts = "".join(f"    {node}: {{ansible_host: 192.0.2.7}}\n" for node in nodes)
        (self.runtime / "config" / "inventory.yml").write_text(f"all:\n  hosts:\n{hosts}")
        note_targets(self.runtime, 1)
        leave_heartbeat(self.runtime, "executor-agent")

    def tell(self, **event: Any) -> int:
        """As `redis-cli PUBLISH health_events` does."""
        return self._publish(HealthEvent.channel, json.dumps(event).encode())

    def tell_as_agent(self, node: str, type_: str, **payload: Any) -> None:
        """An event of the node itself, in its agent's own stream."""
        event = HealthEvent(
            type=type_, node=node, severity=Severity.WARNING, incident=f"{node}//1", payload=payload, timestamp=ago()
        )
        with redis.Redis.from_url(self.redis.url) as client:
            client.xadd(f"mesh:ev:{node}", {"p": event.wire()})

    def say(self, record: ActionUpdate | ModelAttempt) -> None:
        self._publish(record.channel, record.wire())

    def output(self, action_id: str, line: str) -> None:
        self._publish("executor_output", json.dumps({"action_id": action_id, "stage": "apply", "line": line}).encode())

    def keep_attempt(self, attempt: ModelAttempt) -> None:
        with redis.Redis.from_url(self.redis.url) as client:
            client.xadd(attempt.stream, {"p": attempt.wire()})

    def explain(self, action_id: str, **troubles: str) -> None:
        """Type of trouble by service: as a planner notes what the trouble of a proposal explains."""
        with redis.Redis.from_url(self.redis.url) as client:
            client.hset(f"mesh:explained:{action_id}", mapping={f"web01/{s}": type_ for s, type_ in troubles.items()})

    def hold(self, node: str, service: str, reason: str) -> None:
        """As a planner notes what waits for something that is at work on its host."""
        held = HeldTrouble(
            node=node, service=service, type="service_down", reason=reason, at=rfc3339(datetime.now(UTC))
        )
        with redis.Redis.from_url(self.redis.url) as client:
            client.hset("mesh:held", f"{node}/{service}", held.wire())

    def propose(self, node: str = "web01", service: str = "shop", **changed: Any) -> ActionName:
        """A new proposal in pending/, as a planner files it."""
        name = self.actions.propose_again(self.proposal(node, service, **changed))
        assert name is not None
        return name

    def proposal(self, node: str = "web01", service: str | None = "shop", **changed: Any) -> Proposal:
        self.filed += 1
        event_id = f"{node}/{int(time.time() * 1000) + self.filed}-0"
        event = HealthEvent(
            id=event_id,
            type="container_unhealthy",
            node=node,
            service=service,
            severity=Severity.ERROR,
            payload={"runtime": "docker", "container": service, "status": "running", "health": "unhealthy"},
            trust=Trust.NODE,
        )
        proposal = Proposal(
            id=proposal_id(event_id, node, service),
            type="container_restart",
            action="restart",
            risk_level=Risk.LOW,
            node=node,
            service=service,
            reason="it runs, but its own health check fails (health unhealthy, status running)",
            confidence=0.7,
            created_at=ago(minutes=3),
            expires_at=ago(hours=-23),
            event=event,
            evidence=(
                Evidence(source="event", text="health: unhealthy\nstatus: running\nexit_code: 0"),
                Evidence(
                    source="container log",
                    text="\n".join(f"10:0{n % 6}:12 GET /health 500 in {n} ms" for n in range(20)),
                ),
            ),
            model=ModelRef(name="smollm2-135m-instruct", provider="llamacpp", position=1, latency_ms=1730),
        )
        return Proposal.model_validate(proposal.model_dump() | changed)

    def finished(self, folder: Folder, proposal: Proposal, **changed: Any) -> str:
        """A run's folder, as an executor leaves it."""
        run = self.actions.folder(folder) / proposal.id
        (run / "logs").mkdir(parents=True)
        (run / "proposal.json").write_bytes(proposal.wire())
        (run / "by.txt").write_text("kim")
        if folder is not Folder.RUNNING:
            well = folder is Folder.DONE
            outcome = Outcome(
                action_id=proposal.id,
                digest="0" * 64,
                result="done" if well else "failed",
                verdict="proven" if well else "not_helped",
                reason="healthy in 3 looks in a row: shop running, health healthy"
                if well
                else "still unhealthy after 30 s",
                node=proposal.node,
                service=proposal.service,
                type=proposal.type,
                event_id=proposal.event.id,
                approved_by="kim (web)",
                started_at=ago(minutes=2, seconds=5),
                finished_at=ago(minutes=2),
                stages=(
                    Stage(name="syntax", ok=True, rc=0, changed=0, seconds=0.2),
                    Stage(name="apply", ok=True, rc=0, changed=1, seconds=1.4),
                    Stage(name="check_idempotency", ok=True, rc=0, changed=0, seconds=0.9),
                    Stage(name="verify", ok=well, rc=0 if well else 2, changed=0, seconds=2.1, detail="3 looks"),
                ),
                before={"status": "running", "health": "unhealthy"},
                after={"status": "running", "health": "healthy" if well else "unhealthy"},
            )
            (run / "outcome.json").write_bytes(outcome.model_copy(update=changed).wire())
            (run / "bundle.zip").write_bytes(b"PK\x05\x06" + bytes(18))
        for name in ("01_syntax", "02_apply", "03_check_idempotency", "04_verify"):
            (run / "logs" / f"{name}.log").write_text(LOG)
        return proposal.id

    def write_world(self, places: list[TargetHealth]) -> None:
        """Before the observer starts: the world as an earlier one left it."""
        (self.runtime / "state").mkdir(exist_ok=True)
        world = World(places={place.target_key: place for place in places})
        (self.runtime / "state" / "world.json").write_bytes(world.wire())

    def _publish(self, channel: str, raw: bytes) -> int:
        with redis.Redis.from_url(self.redis.url) as client:
            heard = client.publish(channel, raw)
        return int(heard)  # type: ignore[arg-type]

    def _listens(self) -> bool:
        """Before that, what is only published is heard by nobody, or by half of it."""
        with redis.Redis.from_url(self.redis.url) as client:
            ((_, listeners),) = client.pubsub_numsub(HealthEvent.channel)
        return int(listeners) >= 2

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/world?limit=1", timeout=60) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            return error.code == 401
        except OSError:
            return False


def some_places(nodes: int, services: int) -> list[TargetHealth]:
    """A world with a bit of everything in it; mostly well."""
    found = []
    for n in range(nodes):
        node = f"node{n:03d}"
        gone = n % 50 == 7
        state = HealthState.OFFLINE if gone else HealthState.HEALTHY
        found.append(
            TargetHealth(node=node, state=state, own_state=state, since=ago(hours=n % 70 + 1), beats=n % 9 != 4)
        )
        for s in range(services):
            number = n * services + s
            own = (
                HealthState.UNHEALTHY
                if number % 97 == 5
                else HealthState.UNKNOWN
                if number % 61 == 9
                else HealthState.HEALTHY
            )
            severity = (
                (Severity.WARNING, Severity.ERROR, Severity.CRITICAL)[number % 3]
                if own is HealthState.UNHEALTHY
                else Severity.INFO
            )
            found.append(
                TargetHealth(
                    node=node,
                    service=f"{('shop', 'api', 'db', 'cache', 'mail', 'metrics', 'queue', 'web')[s % 8]}{s // 8 or ''}",
                    state=HealthState.OFFLINE if gone else own,
                    own_state=own,
                    severity=severity,
                    since=ago(minutes=number % 1200 + 1),
                    event_id=f"{node}/17000000{number:05d}-0",
                    event_type="container_unhealthy" if own is HealthState.UNHEALTHY else "service_recovered",
                    occurrences=number % 5,
                    open={"one": severity} if own is HealthState.UNHEALTHY else {},
                )
            )
    return found


def an_attempt(event_id: str, outcome: str = "ok", **changed: Any) -> ModelAttempt:
    return ModelAttempt.model_validate(
        {
            "ts": ago(minutes=3),
            "event_id": event_id,
            "model": "smollm2-135m-instruct",
            "provider": "llamacpp",
            "position": 1,
            "outcome": outcome,
            "latency_ms": 1730,
            "prompt_tokens": 812,
            "completion_tokens": 64,
            **changed,
        }
    )
