"""Promises about actions: what was approved runs, once, to an end that is told. Each yields what shows otherwise."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from system.chaos.case import RAN, Case, text_of

TERMINAL = (*RAN, "withdrawn", "expired", "quarantine", "rejected")
LEAST_ANSIBLE = 0.05


def a_proposal_lies_in_one_place(case: Case) -> Iterable[str]:
    for event_id, said in case.decisions.items():
        for one in said:
            if one.get("verdict") == "proposed":
                folders = case.folders(str(one.get("action_id")))
                if len(folders) != 1:
                    yield f"{one.get('action_id')} ({event_id}): {', '.join(folders) or 'nowhere'}"
    proposed = {str(one.get("action_id")) for said in case.decisions.values() for one in said}
    for action_id in case.left.places.keys() - proposed:
        event = case.proposals[action_id].get("event") or {}
        if case.forgetful and event.get("id") not in case.events:
            continue  # said by hand, and forgotten after it was proposed
        yield f"{action_id}: nobody says that it was proposed"


def nothing_is_left_undone(case: Case) -> Iterable[str]:
    waiting = ("pending", "approved", "running") if case.has("executor") else ("pending",)
    for action_id, lies in case.lying_in(*waiting):
        yield f"{lies.folder}/{action_id}"
    for stream, groups in case.left.groups.items():
        for group, state in groups.items():
            if state["pending"] or state["behind"]:
                yield f"{stream} {group}: {state['pending']} not acknowledged" + (", more unread" * state["behind"])


def what_recovered_is_withdrawn(case: Case) -> Iterable[str]:
    """Nobody decides about services called heal*: a recovery withdraws what waits for them."""
    recovered = {(row["node"], row["service"]) for row in case.left.sent if row["kind"] == "recovery"}
    for action_id, proposal in case.proposals.items():
        if (proposal.get("node"), proposal.get("service")) in recovered and case.folders(action_id) != ["withdrawn"]:
            yield f"{action_id}: {', '.join(case.folders(action_id))}"


def results_are_told_once(case: Case) -> Iterable[str]:
    return _told_once(case, *RAN, "quarantine")


def withdrawals_are_told_once(case: Case) -> Iterable[str]:
    return _told_once(case, "withdrawn")


def _told_once(case: Case, *folders: str) -> Iterable[str]:
    for action_id, lies in case.lying_in(*folders):
        told = [to for _, to in case.updates.get(action_id, []) if to in TERMINAL]
        if told != [lies.folder]:
            yield f"{action_id} in {lies.folder}: told {', '.join(told) or 'nothing'}"


def updates_come_in_order(case: Case) -> Iterable[str]:
    for action_id, steps in case.updates.items():
        place = ""
        for source, target in steps:
            by_hand = place == "pending" and source == "approved"  # quarantined: only the observer saw it being moved
            if source != place and not by_hand:
                yield f"{action_id}: " + " ".join(f"{a or '()'}>{b}" for a, b in steps)
                break
            place = target
    moves = Counter(
        (e.value.get("action_id"), e.value.get("from"), e.value.get("to")) for e in case.left.records("mesh:moves")
    )
    for move, times in moves.items():
        if times > 1:
            yield f"moved {times} times: {move}"


def nothing_runs_twice(case: Case) -> Iterable[str]:
    for action_id, times in Counter(case.left.run["notified"]).items():
        if times > 1:
            yield f"{action_id}: {times} notifications"
    runs = Counter(
        str(case.proposals[action_id].get("service"))
        for action_id, lies in case.lying_in(*RAN)
        if case.proposals[action_id].get("type") == "service_restart"
    )
    for service, times in Counter(case.left.run["restarts"]).items():
        if times > runs[service]:
            yield f"{service}: {times} restarts, {runs[service]} actions"


def what_is_done_was_seen_outside(case: Case) -> Iterable[str]:
    notified, restarts = set(case.left.run["notified"]), set(case.left.run["restarts"])
    for action_id, _ in case.lying_in("done"):
        proposal = case.proposals[action_id]
        seen = proposal.get("service") in restarts if proposal.get("type") == "service_restart" else None
        if not (action_id in notified if seen is None else seen):
            yield action_id


def only_what_was_approved_runs(case: Case) -> Iterable[str]:
    """A person's yes to these very bytes; what was changed or refused never ran."""
    for action_id, lies in case.lying_in("running", *RAN, "withdrawn"):
        if lies.folder == "withdrawn" and not lies.path.is_dir():
            continue
        choice = case.chosen.get(action_id)
        if choice is None or choice["what"] not in ("approve", "race"):
            yield f"{action_id} in {lies.folder}: people said {choice['what'] if choice else 'nothing'}"
        elif lies.digest != choice["digest"] or _digest(lies.path / "proposal.json") != choice["digest"]:
            yield f"{action_id} in {lies.folder}: other bytes than were reviewed"
    for action_id, choice in case.chosen.items():
        expected = {"tamper": ["quarantine"], "reject": ["rejected"]}.get(choice["what"])
        if expected == ["quarantine"] and not case.has("executor"):
            continue
        if expected and case.folders(action_id) != expected:
            yield f"{action_id}: {choice['what']}, lies in {', '.join(case.folders(action_id))}"


def nothing_good_is_quarantined(case: Case) -> Iterable[str]:
    for action_id, lies in case.lying_in("quarantine"):
        if case.chosen.get(action_id, {}).get("what") not in ("tamper", "race"):
            yield f"{action_id}: {text_of(lies.path.with_name(lies.path.name + '.reason.txt')).strip()}"


def what_ran_was_written_down_before(case: Case) -> Iterable[str]:
    executed = case.left.root / "var" / "state" / "executor" / "executed"
    for action_id, lies in case.lying_in(*RAN):
        if not (lies.path / "started").exists() or not (executed / action_id).exists():
            yield f"{action_id}: no mark that it began"
        if not (lies.path / "outcome.json").exists():
            yield f"{action_id}: no outcome.json"


def nobody_gives_up(case: Case) -> Iterable[str]:
    """A service ends when it is told to or killed, and with 0; never by itself."""
    for name, codes in case.left.run["exits"].items():
        if codes:
            yield f"{name} ended by itself with {', '.join(map(str, codes))}"


def enough_goes_through_ansible(case: Case) -> Iterable[str]:
    types = [case.proposals[action_id].get("type") for action_id, _ in case.lying_in(*RAN)]
    share = types.count("service_restart") / max(1, len(types))
    if case.left.run["ansible"] and len(types) >= 20 and share < LEAST_ANSIBLE:
        yield f"{share:.0%} of {len(types)} actions"


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError:
        return ""
