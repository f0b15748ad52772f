"""What a run of three events leaves: one proposed by `mv` and done, one counted beside it, one none. Not a test."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from system.chaos.leftovers import write_rows

DAY, MS = "2026-01-31", 1769860800000
FIRST, SECOND = f"n1/{MS}-0", f"n1/{MS + 1}-0"
PLAN = "plan-n1-svc00001-0123456789ab"
GARBAGE = f"n1/{MS + 2}-0"


@dataclass
class World:
    root: Path
    sent: list[dict[str, Any]] = field(default_factory=list)
    spoken: list[dict[str, Any]] = field(default_factory=list)
    choices: list[dict[str, Any]] = field(default_factory=list)
    agent: list[dict[str, Any]] = field(default_factory=list)
    troubles: list[dict[str, Any]] = field(default_factory=list)
    streams: dict[str, list[list[str]]] = field(default_factory=dict)
    occurrences: dict[str, int] = field(default_factory=dict)
    groups: dict[str, Any] = field(default_factory=dict)
    run: dict[str, Any] = field(default_factory=dict)
    audit: list[dict[str, Any]] = field(default_factory=list)
    archive: list[dict[str, Any]] = field(default_factory=list)
    folder: str = "done"

    @property
    def actions(self) -> Path:
        return self.root / "var" / "actions"

    def entry(self, stream: str, number: int, value: dict[str, Any] | str) -> None:
        raw = value if isinstance(value, str) else json.dumps(value)
        self.streams.setdefault(stream, []).append([f"{MS + number}-0", raw])

    def event(self, number: int, kind: str, service: str, **more: Any) -> dict[str, Any]:
        value = {"id": f"n1/{MS + number}-0", "type": "disk_low", "node": "n1", "service": service, **more}
        self.entry("mesh:ev:n1", number, value)
        sent = {"kind": kind, "node": "n1", "service": service, "id": value["id"], "acked": True}
        self.sent.append({**sent, "raw": json.dumps(value)})
        self.archive.append({"id": value["id"], "event": value})
        return value

    def decide(self, number: int, event_id: str, verdict: str, reason: str, action_id: str | None = None) -> None:
        said = {"ts": f"t{number}", "event_id": event_id, "verdict": verdict, "action_id": action_id, "reason": reason}
        self.entry("mesh:decisions", number, said)
        self.archive.append({"id": event_id, "decision": said})

    def update(self, number: int, source: str, target: str, action_id: str = PLAN) -> None:
        self.entry("mesh:actions", number, {"action_id": action_id, "from": source, "to": target})

    def note(self, what: str, to: str, how: str = "mv") -> None:
        self.audit.append({"what": what, "to": to, "how": how, "action_id": PLAN})

    def write(self) -> Path:
        var, folder = self.root / "var", self.root / "leftovers"
        rows = {"sent": self.sent, "spoken": self.spoken, "choices": self.choices}
        write_rows(folder, {**rows, "agent": self.agent, "troubles": self.troubles})
        for name, entries in self.streams.items():
            write_rows(folder / "streams", {name: [{"id": entry, "raw": raw} for entry, raw in entries]})
        (folder / "occurrences.json").write_text(json.dumps(self.occurrences))
        (folder / "groups.json").write_text(json.dumps(self.groups))
        run = {"ansible": False, "without": [], "forgetful": False, "exits": {}, "notified": [PLAN], "restarts": []}
        (folder / "run.json").write_text(json.dumps({**run, **self.run}))
        day = var / "events" / DAY
        day.mkdir(parents=True, exist_ok=True)
        (day / "n1.jsonl").write_text("".join(json.dumps(line) + "\n" for line in self.archive))
        updates = [{"entry": entry} for entry, _ in self.streams.get("mesh:actions", [])]
        (day / "_updates.jsonl").write_text("".join(json.dumps(line) + "\n" for line in updates))
        (var / "audit").mkdir(exist_ok=True)
        (var / "audit" / "audit.jsonl").write_bytes(_sealed(self.audit))
        return self.root


def _sealed(lines: list[dict[str, Any]]) -> bytes:
    raw, previous = b"", "0" * 64
    for number, line in enumerate(lines, 1):
        body = {**line, "seq": number, "prev": previous}
        previous = hashlib.sha256(_canonical(body)).hexdigest()
        raw += _canonical({**body, "hash": previous}) + b"\n"
    return raw


def _canonical(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def whole(folder: Path) -> World:
    """All is well."""
    w = World(folder)
    event = w.event(0, "trouble", "svc00001")
    w.event(1, "trouble", "svc00001")
    w.entry("mesh:ev:n1", 2, "{no JSON")
    w.sent.append({"kind": "garbage", "node": "n1", "service": None, "id": GARBAGE, "raw": "{no JSON", "acked": True})
    w.decide(3, FIRST, "proposed", "", PLAN)
    w.decide(4, SECOND, "suppressed", f"within the cooldown of {FIRST}")
    letter = {"source": "mesh:ev:n1", "entry_id": f"{MS + 2}-0", "reason": "no JSON", "raw": "{no JSON"}
    w.entry("mesh:dead_letters", 5, letter)
    w.occurrences[FIRST] = 1
    steps = ["", "pending", "approved", "running", "done"]
    for number, (source, target) in enumerate(pairwise(steps)):
        w.update(6 + number, source, target)
    run = w.actions / "done" / PLAN
    run.mkdir(parents=True)
    proposal = {"id": PLAN, "type": "notify", "node": "n1", "service": "svc00001", "event": event}
    raw = json.dumps({**proposal, "model": {"provider": "floor"}}).encode()
    (run / "proposal.json").write_bytes(raw)
    digest = hashlib.sha256(raw).hexdigest()[:16]
    (run / "intent.json").write_text(json.dumps({"digest": digest}))
    (run / "started").touch()
    (run / "outcome.json").write_text("{}")
    executed = folder / "var" / "state" / "executor" / "executed"
    executed.mkdir(parents=True)
    (executed / PLAN).touch()
    w.choices.append({"id": PLAN, "digest": digest, "how": "mv", "what": "approve", "at": 0.0})
    w.groups["mesh:ev:n1"] = {"planner": {"pending": 0, "behind": False}}
    w.note("approve", "approved")
    w.note("run", "running")
    w.note("done", "done")
    return w
