"""The judge of the chaos runs, on worlds so small that everything about them is known: it sees each broken promise.

`World` writes what a run of three events would leave: one was proposed by `mv` and done, one was counted beside it,
one was no event. Every test breaks one thing.
"""

from __future__ import annotations

import ast
import gzip
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from system.chaos.checker import PROMISES, judge
from system.chaos.leftovers import archived, read, write_rows
from system.chaos.mutants import MUTANTS, stale_ones

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


@pytest.fixture
def world(tmp_path: Path) -> World:
    """All is well."""
    w = World(tmp_path)
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
    executed = tmp_path / "var" / "state" / "executor" / "executed"
    executed.mkdir(parents=True)
    (executed / PLAN).touch()
    w.choices.append({"id": PLAN, "digest": digest, "how": "mv", "what": "approve", "at": 0.0})
    w.groups["mesh:ev:n1"] = {"planner": {"pending": 0, "behind": False}}
    w.note("approve", "approved")
    w.note("run", "running")
    w.note("done", "done")
    return w


def broken_in(world: World) -> set[str]:
    return set(judge(read(world.write())).broken)


def test_a_good_world_breaks_no_promise_and_each_event_has_a_fate(world: World) -> None:
    judgement = judge(read(world.write()))
    assert judgement.broken == {}
    assert judgement.fates == {"proposed": 1, "counted": 1, "dead letter": 1}


def _lose(w: World) -> None:
    w.streams["mesh:ev:n1"].pop(1)


def _drop_decision(w: World) -> None:
    w.streams["mesh:decisions"].pop()


def _drop_letter(w: World) -> None:
    w.streams["mesh:dead_letters"].clear()


def _second_letter(w: World) -> None:
    w.streams["mesh:dead_letters"] *= 2


def _poison(w: World) -> None:
    letter = {"source": "mesh:ev:n1", "entry_id": f"{MS}-0", "reason": "handed out 6 times", "raw": ""}
    w.entry("mesh:dead_letters", 20, letter)


def _ignored_as_well(w: World) -> None:
    w.decide(20, SECOND, "ignored", "it is a test")


def _said_again(w: World) -> None:
    w.decide(20, SECOND, "suppressed", f"within the cooldown of {FIRST}")


def _no_reason(w: World) -> None:
    w.streams["mesh:decisions"].pop()
    w.decide(20, SECOND, "suppressed", " ")


def _silenced(w: World) -> None:
    w.streams["mesh:decisions"].pop()
    w.decide(20, SECOND, "silenced", "maintenance-0badcafe by somebody")


def _in_two_places(w: World) -> None:
    (w.actions / "quarantine").mkdir()
    (w.actions / "quarantine" / f"{PLAN}.{'0' * 16}.json").write_text("{}")


def _proposed_again(w: World) -> None:
    other = "plan-n1-svc00001-ba9876543210"
    w.event(30, "trouble", "svc00001")
    w.decide(31, f"n1/{MS + 30}-0", "proposed", "", other)


def _beside_nothing(w: World) -> None:
    w.streams["mesh:decisions"].pop()
    w.decide(20, SECOND, "counted", "within the cooldown of n1/12345-0")


def _seen_too_often(w: World) -> None:
    w.occurrences[FIRST] = 2


def _left_in_pending(w: World) -> None:
    (w.actions / "pending").mkdir()
    (w.actions / "pending" / f"plan-n1-svc00009-{'0' * 12}.{'0' * 16}.json").write_text("{}")


def _unread(w: World) -> None:
    w.groups["mesh:ev:n1"]["planner"]["behind"] = True


def _recovered(w: World) -> None:
    w.event(30, "recovery", "svc00001", type="service_recovered")


def _result_missing(w: World) -> None:
    w.streams["mesh:actions"].pop()


def _result_twice(w: World) -> None:
    w.update(20, "running", "done")


def _withdrawn_in_silence(w: World) -> None:
    (w.actions / "withdrawn").mkdir()
    (w.actions / "withdrawn" / f"plan-n1-heal00001-{'0' * 12}.{'0' * 16}.json").write_text("{}")


def _out_of_order(w: World) -> None:
    steps = w.streams["mesh:actions"]
    steps.append([f"{MS + 20}-0", steps.pop(0)[1]])


def _notified_twice(w: World) -> None:
    w.run["notified"] = [PLAN, PLAN]


def _restarted_by_nobody(w: World) -> None:
    w.run["restarts"] = ["svc00001"]


def _done_nothing(w: World) -> None:
    w.run["notified"] = []


def _unasked(w: World) -> None:
    w.choices.clear()


def _other_bytes(w: World) -> None:
    (w.actions / "done" / PLAN / "proposal.json").write_text(json.dumps({"type": "notify", "model": {}}))


def _tampered(w: World) -> None:
    w.choices[0]["what"] = "tamper"


def _good_one_quarantined(w: World) -> None:
    (w.actions / "done").rename(w.actions / "quarantine")


def _no_mark(w: World) -> None:
    (w.root / "var" / "state" / "executor" / "executed" / PLAN).unlink()


def _not_archived(w: World) -> None:
    w.archive.pop(0)


def _archived_twice(w: World) -> None:
    w.archive.append(w.archive[0])


def _archived_otherwise(w: World) -> None:
    w.archive[0]["event"] = {**w.archive[0]["event"], "type": "other"}


def _decision_not_archived(w: World) -> None:
    w.archive = [line for line in w.archive if "event" in line]


def _not_in_the_logbook(w: World) -> None:
    w.entry("mesh:llm_attempts", 20, {"event_id": FIRST, "outcome": "ok"})


def _line_taken_out(w: World) -> None:
    w.audit[1]["seq"] = 7
    w.audit[1]["prev"] = "1" * 64
    w.write()
    log = w.root / "var" / "audit" / "audit.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    w.audit = [json.loads(line) for line in (lines[0], lines[2])]


def _not_audited(w: World) -> None:
    w.audit.pop(0)


def _audited_twice(w: World) -> None:
    w.note("approve", "approved")


def _audited_as_page(w: World) -> None:
    w.audit[0]["how"] = "web"


def _end_not_audited(w: World) -> None:
    w.audit.pop()


def _adopted_twice(w: World) -> None:
    w.spoken.append({"kind": "event", "raw": "{}", "marker": "hand1", "at": 0.0, "heard": 4})
    for number in (30, 31):
        w.entry("mesh:ev:_foreign", number, {"type": "disk_low", "node": "n1", "service": "hand1"})


def _heard_and_lost(w: World) -> None:
    w.spoken.append({"kind": "event", "raw": "{}", "marker": "hand1", "at": 0.0, "heard": 4})


def _agent_not_heard(w: World) -> None:
    w.agent.append({"node": "n1", "service": "web", "incident": "n1/web/1"})


def _nobody_asked(w: World) -> None:
    path = w.actions / "done" / PLAN / "proposal.json"
    path.write_bytes(path.read_bytes().replace(b'"floor"', b'"llamacpp"'))


def _gave_up(w: World) -> None:
    w.run["exits"] = {"planner1": [1]}


BREAKS: list[tuple[str, Callable[[World], None]]] = [
    ("no event is lost", _lose),
    ("every event has one fate", _drop_decision),
    ("every event has one fate", _drop_letter),
    ("every event has one fate", _ignored_as_well),
    ("no event is a dead letter", _poison),
    ("what is refused is kept once", _second_letter),
    ("each decision is told once", _said_again),
    ("a reason is given", _no_reason),
    ("what is expected happens", _silenced),
    ("a proposal lies in one place", _in_two_places),
    ("nothing is proposed twice", _proposed_again),
    ("what is counted stands beside a proposal", _beside_nothing),
    ("occurrences are counted once", _seen_too_often),
    ("nothing is left undone", _left_in_pending),
    ("nothing is left undone", _unread),
    ("what recovered is withdrawn", _recovered),
    ("results are told once", _result_missing),
    ("results are told once", _result_twice),
    ("withdrawals are told once", _withdrawn_in_silence),
    ("each withdrawal is audited once", _withdrawn_in_silence),
    ("updates come in order", _out_of_order),
    ("nothing runs twice", _notified_twice),
    ("nothing runs twice", _restarted_by_nobody),
    ("what is done was seen outside", _done_nothing),
    ("only what was approved runs", _unasked),
    ("only what was approved runs", _other_bytes),
    ("only what was approved runs", _tampered),
    ("nothing good is quarantined", _good_one_quarantined),
    ("what ran was written down before", _no_mark),
    ("every event is archived once", _not_archived),
    ("every event is archived once", _archived_twice),
    ("every event is archived once", _archived_otherwise),
    ("every decision is archived", _decision_not_archived),
    ("every record is in the days files", _not_in_the_logbook),
    ("the audit log is whole", _line_taken_out),
    ("each decision of people is audited once", _not_audited),
    ("each decision of people is audited once", _audited_twice),
    ("each decision of people is audited once", _audited_as_page),
    ("each end is audited once", _end_not_audited),
    ("what is said by hand is adopted once", _adopted_twice),
    ("what was heard is not lost", _heard_and_lost),
    ("what the agent saw is told", _agent_not_heard),
    ("what a model proposed says so", _nobody_asked),
    ("nobody gives up", _gave_up),
]


@pytest.mark.parametrize(("promise", "break_it"), BREAKS, ids=[f.__name__.strip("_") for _, f in BREAKS])
def test_the_judge_sees_each_broken_promise(world: World, promise: str, break_it: Callable[[World], None]) -> None:
    break_it(world)
    assert promise in broken_in(world)


def test_too_little_ansible_is_said(world: World) -> None:
    world.run["ansible"] = True
    for number in range(30):
        run = world.actions / "done" / f"plan-n1-x-{number:012x}"
        run.mkdir()
        (run / "proposal.json").write_text(json.dumps({"type": "notify"}))
    assert "enough goes through ansible" in broken_in(world)


def test_every_promise_is_broken_by_some_test() -> None:
    assert {promise for promise, _ in BREAKS} | {"enough goes through ansible"} == set(PROMISES)


def test_trouble_after_a_recovery_may_be_proposed_again(world: World) -> None:
    world.event(20, "recovery", "svc00001", type="service_recovered")
    _proposed_again(world)
    assert "nothing is proposed twice" not in broken_in(world)


def test_an_event_line_that_is_written_again_after_a_crash_is_one_event(world: World) -> None:
    _archived_twice(world)
    world.troubles.append({"what": "kill", "whom": "observer", "at": 0.0, "until": 0.0})
    assert broken_in(world) == set()


def test_both_layouts_of_the_archive_say_the_same(tmp_path: Path) -> None:
    event, decision = {"id": FIRST, "type": "x"}, {"verdict": "proposed"}
    old, new, packed = tmp_path / "old", tmp_path / "new", tmp_path / "packed"
    (old / DAY / "n1").mkdir(parents=True)
    (old / DAY / "n1" / f"evt-{MS}-0.json").write_text(json.dumps({"event": event, "decision": decision}))
    lines = [{"id": FIRST, "event": event, "decision": {"verdict": "benign"}}, {"id": FIRST, "decision": decision}]
    lines += [{"id": "n1/5-0", "event": event}, {"id": f"n2/{MS}-0", "event": event}]  # another day, another node
    raw = "".join(json.dumps(line) + "\n" for line in lines).encode() + b'{"id":"n1/'
    for root in (new, packed):
        (root / DAY).mkdir(parents=True)
    (new / DAY / "n1.jsonl").write_bytes(raw)
    (packed / DAY / "n1.jsonl.gz").write_bytes(gzip.compress(raw))
    for root in (old, new, packed):
        kept = archived(root)
        assert list(kept) == [FIRST]
        assert kept[FIRST].events == [event]
        assert kept[FIRST].decisions[-1] == decision


def test_the_judge_imports_nothing_that_it_judges() -> None:
    for path in Path(__file__).with_name("chaos").glob("*.py"):
        if path.name == "mutated.py":  # breaks the product, so it has to know it
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            ours = ("mesh_core", "planner_agent", "executor_agent", "observer", "node_agent", "mend")
            assert not [m for m in modules if m.partition(".")[0] in ours], path


def test_every_mutant_still_fits_the_product() -> None:
    assert len(MUTANTS) >= 12
    assert stale_ones() == ""
