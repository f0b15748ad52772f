"""Ways to break one promise in a small world, each with the promise that the judge must name. Not a test."""

from __future__ import annotations

import json
from collections.abc import Callable

from system.small_world import FIRST, MS, PLAN, SECOND, World


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


def proposed_again(w: World) -> None:
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


def archived_twice(w: World) -> None:
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
    ("nothing is proposed twice", proposed_again),
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
    ("every event is archived once", archived_twice),
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
