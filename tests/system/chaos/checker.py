"""The judge: reads what a run left and says which promises were broken, each with what shows it. Pure; shares no code
with the product: what it knows is docs/contract.md.

Every event has exactly one fate: proposed, counted beside an open proposal, suppressed with a reason, benign, or dead
letter. The other promises are about what followed from that.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from system.chaos.leftovers import Entry, Leftovers, Lies, Row

BENIGN = {
    *("service_healthy", "service_recovered", "node_online", "deployment_completed", "deployment_started"),
    *("remediation_started", "remediation_completed"),
}
RECOVERIES = {"service_healthy", "service_recovered"}
FATE_OF = {
    "proposed": "proposed",
    "counted": "counted",
    "suppressed": "counted",
    "silenced": "suppressed",
    "ignored": "suppressed",
    "recovered": "benign",
}
RAN = ("done", "failed", "interrupted")
TERMINAL = (*RAN, "withdrawn", "expired", "quarantine", "rejected")
GENESIS = "0" * 64
HEARD_SECONDS = 6.0  # so long after a PUBLISH its hearers must live for it to count as heard
LEAST_ANSIBLE = 0.10
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/\d+-\d+")
_PLAN = re.compile(r"plan-[A-Za-z0-9._-]+-[0-9a-f]{12}")


@dataclass
class Judgement:
    """`fates` counts events; `broken` names each promise that does not hold, with what shows it."""

    fates: Counter[str] = field(default_factory=Counter)
    kept: list[str] = field(default_factory=list)
    broken: dict[str, list[str]] = field(default_factory=dict)


def judge(left: Leftovers) -> Judgement:
    """Every promise, one after the other."""
    case = Case(left)
    judgement = Judgement(fates=Counter(fate for fates in case.fates.values() for fate in fates))
    for name, check in PROMISES.items():
        if shown := list(check(case)):
            judgement.broken[name] = shown
        else:
            judgement.kept.append(name)
    return judgement


class Case:
    """The leftovers, put in the order in which the promises ask for them."""

    def __init__(self, left: Leftovers):
        self.left = left
        self.forgetful = bool(left.run["forgetful"])

    @cached_property
    def events(self) -> dict[str, Entry]:
        """Whatever is an event, by its id; what is refused as none is not among them."""
        return {_event_id(entry): entry for entry in self.left.events() if _is_event(entry)}

    @cached_property
    def decisions(self) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = defaultdict(list)
        for entry in self.left.records("mesh:decisions"):
            found[str(entry.value.get("event_id"))].append(entry.value)
        return found

    @cached_property
    def dead(self) -> dict[str, list[Row]]:
        """{stream and entry id, or the text of what was published: its dead letters}"""
        found: dict[str, list[Row]] = defaultdict(list)
        for entry in self.left.records("mesh:dead_letters"):
            source = entry.value.get("source")
            key = entry.value.get("raw") if source == "health_events" else f"{source} {entry.value.get('entry_id')}"
            found[str(key)].append(entry.value)
        return found

    @cached_property
    def fates(self) -> dict[str, set[str]]:
        """{event id or place of what is none: its fates}; exactly one each, if all is well."""
        found: dict[str, set[str]] = {}
        for event_id, entry in self.events.items():
            fates = {FATE_OF.get(str(said.get("verdict")), "unknown") for said in self.decisions.get(event_id, [])}
            if self.dead.get(f"{entry.stream} {entry.id}"):
                fates.add("dead letter")
            if not fates and _needs_nothing(entry):
                fates.add("benign")
            found[event_id] = fates
        for entry in self.left.events():
            if not _is_event(entry):
                key = f"{entry.stream} {entry.id}"
                found[key] = {"dead letter"} if self.dead.get(key) else set()
        return found

    @cached_property
    def proposals(self) -> dict[str, Row]:
        """{action id: the proposal as it lies in its file or its run's folder}"""
        return {action_id: _proposal_at(lies[0]) for action_id, lies in self.left.places.items()}

    @cached_property
    def updates(self) -> dict[str, list[tuple[str, str]]]:
        """{action id: (from, to) as mesh:actions tells them}"""
        found: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for entry in self.left.records("mesh:actions"):
            found[str(entry.value.get("action_id"))].append((str(entry.value.get("from")), str(entry.value.get("to"))))
        return found

    @cached_property
    def audit(self) -> list[Row]:
        return [json.loads(line) for line in self.left.audit if line.endswith(b"}\n")]

    @cached_property
    def chosen(self) -> dict[str, Row]:
        return {row["id"]: row for row in self.left.choices}

    def hit(self, *names: str) -> bool:
        """Did any of them have trouble?"""
        return any(one["whom"] in names for one in self.left.troubles)

    def folders(self, action_id: str) -> list[str]:
        return [lies.folder for lies in self.left.places.get(action_id, [])]

    def lying_in(self, *folders: str) -> Iterator[tuple[str, Lies]]:
        for action_id, lies in self.left.places.items():
            for place in lies:
                if place.folder in folders:
                    yield action_id, place


# ---- the promises: each yields what shows that it was broken ------------------------------------------------------


def no_event_is_lost(case: Case) -> Iterable[str]:
    """What a node's agent got rid of is in its stream, as it was sent."""
    there = {(entry.stream, entry.id): entry.raw for entry in case.left.events()}
    for row in case.left.sent:
        entry = row["id"].rpartition("/")[2]
        if row["acked"] and there.get((f"mesh:ev:{row['node']}", entry)) != row["raw"]:
            yield row["id"]


def every_event_has_one_fate(case: Case) -> Iterable[str]:
    for what, fates in case.fates.items():
        if len(fates - {"dead letter"} or fates) != 1:
            yield f"{what}: {', '.join(sorted(fates)) or 'none'}"


def no_event_is_a_dead_letter(case: Case) -> Iterable[str]:
    """A dead letter is what was refused, or what took planner after planner down; not what waited for its turn."""
    for event_id, entry in case.events.items():
        if letters := case.dead.get(f"{entry.stream} {entry.id}"):
            yield f"{event_id}: {letters[0].get('reason')}"


def what_is_refused_is_kept_once(case: Case) -> Iterable[str]:
    for entry in case.left.events():
        letters = case.dead.get(f"{entry.stream} {entry.id}", [])
        if not _is_event(entry) and len(letters) != 1:
            yield f"{entry.stream} {entry.id}: {len(letters)} dead letters"


def each_decision_is_told_once(case: Case) -> Iterable[str]:
    """`silenced` alone may be said again by whoever takes over from a planner that died: nothing is counted by it."""
    for event_id, said in case.decisions.items():
        verdicts = [str(one.get("verdict")) for one in said]
        if len(said) > 1 and not (set(verdicts) == {"silenced"} and case.hit("planner1", "planner2", "redis")):
            yield f"{event_id}: {', '.join(verdicts)}"


def a_reason_is_given(case: Case) -> Iterable[str]:
    for event_id, said in case.decisions.items():
        if any(one.get("verdict") != "proposed" and not str(one.get("reason") or "").strip() for one in said):
            yield event_id


def what_is_expected_happens(case: Case) -> Iterable[str]:
    """The journal knows what must not be proposed, and what must not be silenced."""
    wrong = {
        **{kind: {"suppressed", "benign"} for kind in ("trouble", "restart", "node")},
        "quiet": {"proposed", "counted", "benign"},
        "test": {"counted", "benign"},
        "benign": {"proposed", "counted", "suppressed"},
        "recovery": {"proposed", "counted", "suppressed"},
    }
    for row in case.left.sent:
        if bad := case.fates.get(row["id"], set()) & wrong.get(row["kind"], set()):
            yield f"{row['id']} ({row['kind']}): {', '.join(sorted(bad))}"


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


def nothing_is_proposed_twice(case: Case) -> Iterable[str]:
    """Within a cooldown one proposal for each subject, unless the trouble was over in between."""
    by_subject: dict[str, list[str]] = defaultdict(list)
    for said in case.decisions.values():
        for one in said:
            entry = case.events.get(str(one.get("event_id")))
            if one.get("verdict") == "proposed" and entry is not None:
                by_subject[_subject(entry)].append(_event_id(entry))
    for subject, event_ids in by_subject.items():
        well = sorted(
            _moment(entry.id)
            for entry in case.events.values()
            if entry.value.get("type") in RECOVERIES and _subject(entry) == subject
        )
        moments = sorted({event_id: _moment(event_id.rpartition("/")[2]) for event_id in event_ids}.values())
        for earlier, later in pairwise(moments):
            if not any(earlier < moment for moment in well):
                yield f"{subject}: at {earlier} and at {later}"


def what_is_counted_stands_beside_a_proposal(case: Case) -> Iterable[str]:
    for event_id, said in case.decisions.items():
        for one in said:
            if one.get("verdict") in ("counted", "suppressed") and not _owner_known(case, one):
                yield f"{event_id}: {one.get('reason')}"


def occurrences_are_counted_once(case: Case) -> Iterable[str]:
    """`Seen N times` is one for the event of the proposal, and one for each that was counted there."""
    counted: dict[str, set[str]] = defaultdict(set)
    for event_id, said in case.decisions.items():
        for one in said:
            if one.get("verdict") in ("counted", "suppressed"):
                counted[_owner(case, one)].add(event_id)
    for owner in sorted({*counted, *case.left.occurrences}):
        times, wanted = case.left.occurrences.get(owner, 0), len(counted.get(owner, ()))
        if times != wanted:
            yield f"{owner}: {times} counted, {wanted} events"


def nothing_is_left_undone(case: Case) -> Iterable[str]:
    for action_id, lies in case.lying_in("pending", "approved", "running"):
        yield f"{lies.folder}/{action_id}"
    for stream, groups in case.left.groups.items():
        for group, state in groups.items():
            if state["pending"] or state["behind"]:
                yield f"{stream} {group}: {state['pending']} not acknowledged" + (", more unread" * state["behind"])


def what_recovered_is_withdrawn(case: Case) -> Iterable[str]:
    """Nobody decides about services called heal*: a recovery takes back what waits for them."""
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
        if expected and case.folders(action_id) != expected:
            yield f"{action_id}: {choice['what']}, lies in {', '.join(case.folders(action_id))}"


def nothing_good_is_quarantined(case: Case) -> Iterable[str]:
    for action_id, lies in case.lying_in("quarantine"):
        if case.chosen.get(action_id, {}).get("what") not in ("tamper", "race"):
            yield f"{action_id}: {_text(lies.path.with_name(lies.path.name + '.reason.txt')).strip()}"


def what_ran_was_written_down_before(case: Case) -> Iterable[str]:
    executed = case.left.root / "var" / "state" / "executor" / "executed"
    for action_id, lies in case.lying_in(*RAN):
        if not (lies.path / "started").exists() or not (executed / action_id).exists():
            yield f"{action_id}: no mark that it began"
        if not (lies.path / "outcome.json").exists():
            yield f"{action_id}: no outcome.json"


def every_event_is_archived_once(case: Case) -> Iterable[str]:
    """A line that is written again after a crash of the observer is the same event: then twice is once."""
    crashed = case.hit("observer", "redis", "disk")
    for event_id, entry in case.events.items():
        kept = case.left.archive.get(event_id)
        if kept is None or not kept.events or (len(kept.events) > 1 and not crashed):
            yield f"{event_id}: {len(kept.events) if kept else 0} times"
        elif not all(_same(event, entry.value) for event in kept.events):
            yield f"{event_id}: kept with other words"


def every_decision_is_archived(case: Case) -> Iterable[str]:
    for event_id, said in case.decisions.items():
        kept = case.left.archive.get(event_id)
        wanted = max(said, key=lambda one: str(one.get("ts")))
        if kept is None or not kept.decisions:
            yield f"{event_id}: none"
        elif not any(kept.decisions[-1].get("verdict") == one.get("verdict") for one in said):
            yield f"{event_id}: {kept.decisions[-1].get('verdict')} instead of {wanted.get('verdict')}"


def every_record_is_in_the_days_files(case: Case) -> Iterable[str]:
    for stream, file in (("mesh:actions", "_updates"), ("mesh:llm_attempts", "_attempts"), ("mesh:moves", "_moves")):
        for entry in case.left.records(stream):
            if entry.id not in case.left.logbook[file]:
                yield f"{stream} {entry.id} is not in {file}.jsonl"


def the_audit_log_is_whole(case: Case) -> Iterable[str]:
    previous = GENESIS
    for number, raw in enumerate(case.left.audit, 1):
        try:
            line = json.loads(raw)
            body = {key: value for key, value in line.items() if key != "hash"}
            canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
            if line["hash"] != hashlib.sha256(canonical).hexdigest() or line["prev"] != previous:
                yield f"line {number} does not follow the one before"
            if line["seq"] != number:
                yield f"line {number} has the number {line['seq']}"
            previous = line["hash"]
        except (ValueError, KeyError, TypeError):
            yield f"line {number} is none"
            return


def each_decision_of_people_is_audited_once(case: Case) -> Iterable[str]:
    lines: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for line in case.audit:
        lines[str(line.get("action_id")), str(line.get("what"))].append(line)
    for action_id, choice in case.chosen.items():
        said = lines[action_id, "reject" if choice["what"] == "reject" else "approve"]
        changed = choice["what"] in ("tamper", "race")  # quarantined before anybody saw it lie in approved/
        if len(said) > 1 or (not said and not changed):
            yield f"{action_id} ({choice['how']}, {choice['what']}): {len(said)} lines"
        elif said and not changed and said[0].get("how") != {"mv": "mv", "page": "web"}[choice["how"]]:
            yield f"{action_id}: {choice['how']} is told as {said[0].get('how')}"
    for (action_id, what), said in lines.items():
        if what in ("approve", "reject") and action_id not in case.chosen:
            yield f"{action_id}: nobody decided that, {len(said)} lines"


def each_end_is_audited_once(case: Case) -> Iterable[str]:
    return _audited_once(case, *RAN, "quarantine")


def each_withdrawal_is_audited_once(case: Case) -> Iterable[str]:
    return _audited_once(case, "withdrawn")


def _audited_once(case: Case, *folders: str) -> Iterable[str]:
    ends = Counter((line.get("action_id"), line.get("to")) for line in case.audit)
    for action_id, lies in case.lying_in(*folders):
        if ends[action_id, lies.folder] != 1:
            yield f"{action_id} in {lies.folder}: {ends[action_id, lies.folder]} lines"


def what_is_said_by_hand_is_adopted_once(case: Case) -> Iterable[str]:
    adopted = Counter(str(e.value.get("service")) for e in case.left.records("mesh:ev:_foreign") if e.value.get("type"))
    for row in case.left.spoken:
        if row["kind"] == "event" and adopted[row["marker"]] > 1:
            yield f"{row['marker']}: {adopted[row['marker']]} times"
        if row["kind"] == "garbage" and len(case.dead.get(row["raw"], [])) > 1:
            yield f"{row['marker']}: {len(case.dead[row['raw']])} dead letters"


def what_was_heard_is_not_lost(case: Case) -> Iterable[str]:
    adopted = {e.value.get("service") for e in case.left.records("mesh:ev:_foreign")}
    for row in case.left.spoken:
        if _heard_in_peace(case, row):
            there = row["marker"] in adopted if row["kind"] == "event" else bool(case.dead.get(row["raw"]))
            if not there:
                yield f"{row['marker']} ({row['kind']}, {row['heard']} heard it)"


def what_the_agent_saw_is_told(case: Case) -> Iterable[str]:
    told: dict[str, set[str]] = defaultdict(set)
    for entry in case.events.values():
        kind = "well" if entry.value.get("type") == "service_recovered" else "sick"
        told[str(entry.value.get("incident"))].add(kind)
    for row in case.left.agent:
        if missing := {"sick", "well"} - told[row["incident"]]:
            yield f"{row['incident']}: never told {', '.join(sorted(missing))}"


def what_a_model_proposed_says_so(case: Case) -> Iterable[str]:
    answered = {
        e.value.get("event_id") for e in case.left.records("mesh:llm_attempts") if e.value.get("outcome") == "ok"
    }
    for action_id, proposal in case.proposals.items():
        event, model = proposal.get("event") or {}, proposal.get("model") or {}
        if model and model.get("provider") != "floor" and event.get("id") not in answered:
            yield f"{action_id}: by {model.get('name')}, which nobody asked"


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


PROMISES: dict[str, Callable[[Case], Iterable[str]]] = {
    check.__name__.replace("_", " "): check
    for check in (
        no_event_is_lost,
        every_event_has_one_fate,
        no_event_is_a_dead_letter,
        what_is_refused_is_kept_once,
        each_decision_is_told_once,
        a_reason_is_given,
        what_is_expected_happens,
        a_proposal_lies_in_one_place,
        nothing_is_proposed_twice,
        what_is_counted_stands_beside_a_proposal,
        occurrences_are_counted_once,
        nothing_is_left_undone,
        what_recovered_is_withdrawn,
        results_are_told_once,
        withdrawals_are_told_once,
        updates_come_in_order,
        nothing_runs_twice,
        what_is_done_was_seen_outside,
        only_what_was_approved_runs,
        nothing_good_is_quarantined,
        what_ran_was_written_down_before,
        every_event_is_archived_once,
        every_decision_is_archived,
        every_record_is_in_the_days_files,
        the_audit_log_is_whole,
        each_decision_of_people_is_audited_once,
        each_end_is_audited_once,
        each_withdrawal_is_audited_once,
        what_is_said_by_hand_is_adopted_once,
        what_was_heard_is_not_lost,
        what_the_agent_saw_is_told,
        what_a_model_proposed_says_so,
        nobody_gives_up,
        enough_goes_through_ansible,
    )
}


# ---- small questions ----------------------------------------------------------------------------------------------


def _is_event(entry: Entry) -> bool:
    value, speaker = entry.value, entry.stream.removeprefix("mesh:ev:")
    foreign = speaker.startswith("_")
    good = re.fullmatch(r"[a-z][a-z0-9_]{0,63}", str(value.get("type", ""))) is not None
    return good and "NaN" not in entry.raw and (foreign or value.get("node") == speaker)


def _event_id(entry: Entry) -> str:
    return f"{entry.value.get('node')}/{entry.id}"


def _moment(entry_id: str) -> tuple[int, int]:
    ms, _, number = entry_id.partition("-")
    return int(ms), int(number)


def _subject(entry: Entry) -> str:
    value = entry.value
    return f"{value['node']}/{value['service']}" if value.get("service") else f"{value['node']}/@{value['type']}"


def _needs_nothing(entry: Entry) -> bool:
    """Benign, or what an executor says of its own work while a node agent keeps watching the incident."""
    of_run = entry.stream == "mesh:ev:_mesh" and entry.value.get("type") == "remediation_failed"
    return entry.value.get("type") in BENIGN or (of_run and bool(entry.value.get("incident")))


def _owner(case: Case, decision: Row) -> str:
    """The event beside whose proposal this one was counted, as the reason names it."""
    reason = str(decision.get("reason"))
    if found := _ID.search(reason):
        return found[0]
    plan = _PLAN.search(reason)
    event = case.proposals.get(plan[0], {}).get("event") if plan else None
    return str((event or {}).get("id", ""))


def _owner_known(case: Case, decision: Row) -> bool:
    return bool(case.fates.get(_owner(case, decision), set()) & {"proposed", "suppressed"})


def _proposal_at(lies: Lies) -> Row:
    file = lies.path / "proposal.json" if lies.path.is_dir() else lies.path
    try:
        value = json.loads(_text(file))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _same(kept: Row, said: Row) -> bool:
    """The archive fills in what an event left out, and writes where it came from."""
    return all(kept.get(key) == value for key, value in said.items() if key not in ("id", "trust"))


def _heard_in_peace(case: Case, row: Row) -> bool:
    """Was it heard, and did somebody who heard it live on, with a Redis that did? The observer may listen twice."""
    hit = {
        one["whom"]
        for one in case.left.troubles
        if one["whom"] in ("planner1", "planner2", "observer", "redis")
        and one["at"] < row["at"] + HEARD_SECONDS
        and one["until"] > row["at"] - HEARD_SECONDS
    }
    return "redis" not in hit and len(hit) < (row["heard"] or 0) - 1


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError:
        return ""


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""
